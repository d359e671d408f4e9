//! Settings and arguments as types of the plugin's own, through serde.

use crate::{Error, Value, json, memory, value::Member};
use serde::de::{self, Deserialize, DeserializeOwned, IntoDeserializer, Visitor};
use std::borrow::Cow;

/// The plugin's settings as the operator gave them; those of nobody read `{}`. The host has held them against the
/// manifest's schema.
pub fn settings<T: DeserializeOwned>() -> Result<T, Error> {
    let text = memory::config("settings")?;
    let read = |text| crate::fields::object(json::read(text)?)?.parse();
    read(text.as_deref().unwrap_or("{}")).map_err(|e| Error::new(format!("settings: {e}")))
}

impl<'a> Value<'a> {
    /// The value as a type of your own.
    ///
    /// ```
    /// # use agentmesh_pdk::json;
    /// #[derive(serde::Deserialize)]
    /// struct Query { table: String, limit: Option<u32> }
    ///
    /// let data = json::read(r#"{"table":"customers","limit":10}"#).unwrap();
    /// let query: Query = data.parse().unwrap();
    /// assert_eq!((query.table.as_str(), query.limit), ("customers", Some(10)));
    /// ```
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Error> {
        T::deserialize(Reader(self))
    }
}

struct Reader<'de, 'a>(&'de Value<'a>);

impl<'de, 'a> de::Deserializer<'de> for Reader<'de, 'a> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Missing | Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(n) => match self.0.int() {
                Some(i) => visitor.visit_i64(i),
                None => visitor.visit_f64(n.float()),
            },
            Value::String(s) => visitor.visit_borrowed_str(s),
            Value::List(items) => {
                let mut items = de::value::SeqDeserializer::new(items.iter().map(Reader));
                let out = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(out)
            }
            Value::Object(members) => visitor.visit_map(Members { rest: members.iter(), now: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Missing | Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(s) => visitor.visit_enum((&**s).into_deserializer()),
            Value::Object(members) => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(Members { rest: members.iter(), now: None }))
            }
            v => Err(Error::new(format!("must be a word or an object, not {}", v.kind()))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Reader<'de, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Members<'v, 'a> {
    rest: std::slice::Iter<'v, Member<'a>>,
    now: Option<&'v Member<'a>>,
}

impl<'v> de::MapAccess<'v> for Members<'v, '_> {
    type Error = Error;

    fn next_key_seed<K: de::DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.now = self.rest.next();
        match self.now {
            Some((name, _)) => seed.deserialize(de::value::BorrowedStrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: de::DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (name, value) = self.now.take().ok_or_else(|| Error::new("a value without its name"))?;
        seed.deserialize(Reader(value)).map_err(|e| e.within(name))
    }
}

/// A value of any JSON; how its numbers were written is not kept.
impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: de::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Value<'de>, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, b: bool) -> Result<Value<'de>, E> {
                Ok(b.into())
            }

            fn visit_i64<E>(self, n: i64) -> Result<Value<'de>, E> {
                Ok(n.into())
            }

            fn visit_u64<E>(self, n: u64) -> Result<Value<'de>, E> {
                Ok(i64::try_from(n).map_or_else(|_| (n as f64).into(), Value::from))
            }

            fn visit_f64<E>(self, f: f64) -> Result<Value<'de>, E> {
                Ok(f.into())
            }

            fn visit_str<E>(self, s: &str) -> Result<Value<'de>, E> {
                Ok(s.to_owned().into())
            }

            fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Value<'de>, E> {
                Ok(s.into())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
                let mut out = Vec::new();
                while let Some(v) = items.next_element()? {
                    out.push(v);
                }
                Ok(Value::List(out))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
                let mut out = Vec::new();
                while let Some((name, v)) = members.next_entry::<String, _>()? {
                    out.push((Cow::Owned(name), v));
                }
                Ok(Value::Object(out))
            }
        }
        d.deserialize_any(Any)
    }
}
