//! JSON values as the contract sees them.

use std::borrow::Cow;

/// One JSON value, or its absence: what was never said is [`Value::Missing`], not a default. A number keeps the text it
/// was read from, so that writing it again gives the same bytes. Strings without escapes share the memory of the
/// message.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// Not there at all.
    #[default]
    Missing,
    /// JSON null, which is a value and not absence.
    Null,
    /// true or false.
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string.
    String(Cow<'a, str>),
    /// A list.
    List(Vec<Value<'a>>),
    /// An object's members in the order received; no name stands twice.
    Object(Vec<Member<'a>>),
}

/// One name and value of an object.
pub type Member<'a> = (Cow<'a, str>, Value<'a>);

/// A number and the text it was read from.
#[derive(Clone, Debug)]
pub struct Number<'a> {
    bits: u64,          // of the i64, or of the f64
    text: Cow<'a, str>, // empty: made here, not read
    whole: bool,        // an integer literal that i64 holds exactly; else any other, finite
}

/// What a number is.
#[derive(Clone, Copy)]
enum Kind {
    Int(i64),
    Float(f64),
}

static MISSING: Value<'static> = Value::Missing;

impl<'a> Value<'a> {
    /// The named member of an object; missing for anything else.
    pub fn get(&self, name: &str) -> &Value<'a> {
        match self {
            Value::Object(members) => members.iter().find(|(n, _)| n == name).map_or(&MISSING, |(_, v)| v),
            _ => &MISSING,
        }
    }

    /// The i-th item of a list; missing for anything else.
    pub fn at(&self, i: usize) -> &Value<'a> {
        match self {
            Value::List(items) => items.get(i).unwrap_or(&MISSING),
            _ => &MISSING,
        }
    }

    /// Whether the value is there at all; null is there.
    pub fn exists(&self) -> bool {
        !matches!(self, Value::Missing)
    }

    /// Whether the value is the boolean true.
    pub fn is_true(&self) -> bool {
        matches!(self, Value::Bool(true))
    }

    /// A boolean.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// An integer that i64 holds exactly; `5.0` is none.
    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Number(Number { whole: true, bits, .. }) => Some(*bits as i64),
            _ => None,
        }
    }

    /// Any number; an integer beyond 2^53 is rounded.
    pub fn float(&self) -> Option<f64> {
        match self {
            Value::Number(n) => Some(n.float()),
            _ => None,
        }
    }

    /// A string.
    pub fn str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The string, or the empty one for any other value.
    pub fn text(&self) -> &str {
        self.str().unwrap_or_default()
    }

    /// A list's items; none for anything else.
    pub fn items(&self) -> &[Value<'a>] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// An object's members; none for anything else.
    pub fn members(&self) -> &[Member<'a>] {
        match self {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The strings of a list; items that are none are passed over.
    pub fn strs(&self) -> impl Iterator<Item = &str> {
        self.items().iter().filter_map(Value::str)
    }

    /// What the value is, as messages for people name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Missing => "missing",
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(Number { whole: true, .. }) => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Object(_) => "object",
        }
    }

    /// The value without any borrowed memory.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Missing => Value::Missing,
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(b),
            Value::Number(n) => Value::Number(Number { text: Cow::Owned(n.text.into_owned()), ..n }),
            Value::String(s) => Value::String(Cow::Owned(s.into_owned())),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(n, v)| (Cow::Owned(n.into_owned()), v.into_owned())).collect())
            }
        }
    }

    /// Appends bytes that are the same for two values exactly when they are equal; `pdk/abi/canonical.go` has the form.
    pub fn append_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Value::Missing => {}
            Value::Null => out.push(b'n'),
            Value::Bool(b) => out.push(if *b { b't' } else { b'f' }),
            Value::Number(n) => n.append_canonical(out),
            Value::String(s) => {
                out.push(b's');
                append_canonical_string(out, s);
            }
            Value::List(items) => {
                out.push(b'l');
                append_length(out, items.len());
                items.iter().for_each(|v| v.append_canonical(out));
            }
            Value::Object(members) => {
                out.push(b'o');
                append_length(out, members.len());
                for (name, value) in sorted(members) {
                    append_canonical_string(out, name);
                    value.append_canonical(out);
                }
            }
        }
    }
}

fn sorted<'v, 'a>(members: &'v [Member<'a>]) -> Vec<&'v Member<'a>> {
    let mut by_name: Vec<_> = members.iter().collect();
    by_name.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    by_name
}

fn append_length(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

fn append_canonical_string(out: &mut Vec<u8>, s: &str) {
    append_length(out, s.len());
    out.extend_from_slice(s.as_bytes());
}

/// 2^63, which i64 does not hold and f64 holds exactly.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

impl<'a> Number<'a> {
    /// The number as it stands in a message. None for an integer literal that is no number beyond float64.
    pub(crate) fn read(text: &'a str, whole: bool) -> Option<Number<'a>> {
        if whole && let Ok(n) = text.parse() {
            return Some(Number::of(Kind::Int(n), text));
        }
        let f: f64 = text.parse().ok()?;
        f.is_finite().then(|| Number::of(Kind::Float(f), text))
    }

    fn of(kind: Kind, text: &'a str) -> Number<'a> {
        let (bits, whole) = match kind {
            Kind::Int(n) => (n as u64, true),
            Kind::Float(f) => (f.to_bits(), false),
        };
        Number { bits, text: Cow::Borrowed(text), whole }
    }

    fn kind(&self) -> Kind {
        match self.whole {
            true => Kind::Int(self.bits as i64),
            false => Kind::Float(f64::from_bits(self.bits)),
        }
    }

    pub(crate) fn float(&self) -> f64 {
        match self.kind() {
            Kind::Int(n) => n as f64,
            Kind::Float(f) => f,
        }
    }

    /// The text received; empty for a number made here.
    pub(crate) fn literal(&self) -> &str {
        &self.text
    }

    fn append_canonical(&self, out: &mut Vec<u8>) {
        match self.kind() {
            Kind::Int(n) => append_tagged(out, b'i', n.to_be_bytes()),
            Kind::Float(f) if f == f.trunc() && (-TWO_63..TWO_63).contains(&f) => {
                append_tagged(out, b'i', (f as i64).to_be_bytes());
            }
            Kind::Float(f) => append_tagged(out, b'd', f.to_bits().to_be_bytes()),
        }
    }
}

fn append_tagged(out: &mut Vec<u8>, tag: u8, bytes: [u8; 8]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

/// Values are equal when they are the same: numbers by value (5 equals 5.0, exactly, whatever their size), strings by
/// bytes, lists item by item, objects member by member in any order. Missing equals nothing, not even itself.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && sorted(a).iter().zip(sorted(b)).all(|(x, y)| x.0 == y.0 && x.1 == y.1)
            }
            _ => false,
        }
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Float(a), Kind::Float(b)) => a == b,
            (Kind::Int(n), Kind::Float(f)) | (Kind::Float(f), Kind::Int(n)) => {
                // Within ±2^63 a float's whole part is an exact i64, so nothing is rounded.
                (-TWO_63..TWO_63).contains(&f) && f == f.trunc() && f as i64 == n
            }
        }
    }
}

/// A string member equals the text; `request.action.tool() == "export"` reads as it should.
impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.str() == Some(other)
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.str() == Some(other)
    }
}

impl From<bool> for Value<'_> {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<i64> for Value<'_> {
    fn from(n: i64) -> Self {
        Value::Number(Number::of(Kind::Int(n), ""))
    }
}

/// NaN and infinities, which JSON cannot say, become null.
impl From<f64> for Value<'_> {
    fn from(f: f64) -> Self {
        if f.is_finite() { Value::Number(Number::of(Kind::Float(f), "")) } else { Value::Null }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(s: &'a str) -> Self {
        Value::String(Cow::Borrowed(s))
    }
}

impl From<String> for Value<'_> {
    fn from(s: String) -> Self {
        Value::String(Cow::Owned(s))
    }
}
