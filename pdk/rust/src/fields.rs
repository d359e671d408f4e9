//! Reading and writing a message member by member: the twin of `pdk/abi/fields.go`.

use crate::{Abi, Decision, Error, Findings, Manifest, VERSION, Value, contract, json, path, value::Member};
use std::borrow::Cow;

/// How messages are read: a guest ignores what it does not know of what the host says; everything else is read strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A member that the contract lacks is an error.
    Strict,
    /// A member that the contract lacks is ignored, which is how the contract grows.
    Lenient,
}

/// A message of the contract.
pub trait Message<'a>: Sized {
    /// Takes the message out of a value.
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error>;

    /// Appends the message as JSON: members in the contract's order, no spaces.
    fn append(&self, out: &mut String);

    /// Reads the message from JSON.
    fn read(src: &'a str, how: Reading) -> Result<Self, Error> {
        Self::of(json::read(src)?, how)
    }

    /// The message as JSON.
    fn to_json(&self) -> String {
        let mut out = String::with_capacity(512); // what most answers have room in
        self.append(&mut out);
        out
    }
}

/// The members of one object, taken one by one.
pub(crate) struct Fields<'a> {
    members: Vec<Member<'a>>,
    how: Reading,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(v: Value<'a>, what: &str, how: Reading) -> Result<Self, Error> {
        match v {
            Value::Object(members) => Ok(Fields { members, how }),
            v => Err(not("an object", &v).within(what)),
        }
    }

    /// Takes a member away; what stays is unknown to whoever reads.
    pub(crate) fn take(&mut self, name: &str) -> Result<Value<'a>, Error> {
        Ok(match self.members.iter_mut().find(|m| m.0 == name) {
            Some(m) => std::mem::take(&mut m.1),
            None => Value::Missing,
        })
    }

    /// A member that may be left out.
    fn maybe<T>(&mut self, name: &str, want: &str, get: impl Fn(&Value<'a>) -> Option<T>) -> Result<Option<T>, Error> {
        let v = self.take(name)?;
        match get(&v) {
            None if v.exists() => Err(not(want, &v).within(name)),
            x => Ok(x),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, Error> {
        Ok(match self.take(name)? {
            Value::Missing => String::new(),
            Value::String(s) => s.into_owned(),
            v => return Err(not("a string", &v).within(name)),
        })
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<i64, Error> {
        Ok(self.maybe(name, "an integer", Value::int)?.unwrap_or_default())
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<bool, Error> {
        Ok(self.maybe(name, "a boolean", Value::bool)?.unwrap_or_default())
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<u64, Error> {
        u64::try_from(self.integer(name)?).map_err(|_| Error::new("must be 0 or more").within(name))
    }

    /// A string that must be there and not be empty.
    pub(crate) fn filled(&mut self, name: &str) -> Result<String, Error> {
        let v = self.take(name)?;
        match v {
            Value::String(s) if !s.is_empty() => Ok(s.into_owned()),
            v => Err(not("a string that is not empty", &v).within(name)),
        }
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value<'a>>, Error> {
        match self.take(name)? {
            Value::Missing => Ok(Vec::new()),
            Value::List(items) => Ok(items),
            v => Err(not("a list", &v).within(name)),
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let text = |v: Value<'a>| match v {
            Value::String(s) => Ok(s.into_owned()),
            v => Err(not("a list of strings", &v).within(name)),
        };
        self.list(name)?.into_iter().map(text).collect()
    }

    /// A list of strings that must be there.
    pub(crate) fn all_texts(&mut self, name: &str) -> Result<Vec<String>, Error> {
        self.present(name)?;
        self.texts(name)
    }

    fn present(&self, name: &str) -> Result<(), Error> {
        match self.members.iter().any(|m| m.0 == name) {
            true => Ok(()),
            false => Err(Error::new("must be there").within(name)),
        }
    }

    pub(crate) fn messages<T: Message<'a>>(&mut self, name: &str) -> Result<Vec<T>, Error> {
        let how = self.how;
        self.list(name)?.into_iter().map(|v| T::of(v, how)).collect()
    }

    /// A message that must be there.
    pub(crate) fn message<T: Message<'a>>(&mut self, name: &str) -> Result<T, Error> {
        let how = self.how;
        T::of(self.take(name)?, how).map_err(|e| e.within(name))
    }

    pub(crate) fn decision(&mut self, name: &str) -> Result<Decision, Error> {
        self.message(name)
    }

    /// A decision that a guest can give.
    pub(crate) fn given(&mut self, name: &str) -> Result<Decision, Error> {
        match self.decision(name)? {
            Decision::Abstain => Err(must(name, "one of allow, deny, require_approval, warn, log")),
            d => Ok(d),
        }
    }

    /// A decision that settles something.
    pub(crate) fn deciding(&mut self, name: &str) -> Result<Decision, Error> {
        match self.decision(name)? {
            d @ (Decision::Deny | Decision::RequireApproval | Decision::Allow) => Ok(d),
            _ => Err(must(name, "one of allow, deny, require_approval")),
        }
    }

    pub(crate) fn version(&mut self, name: &str) -> Result<Abi, Error> {
        match self.take(name)?.int() {
            Some(VERSION) => Ok(Abi),
            _ => Err(must(name, "1")),
        }
    }

    pub(crate) fn optional_version(&mut self, name: &str) -> Result<Abi, Error> {
        if self.members.iter().any(|m| m.0 == name) { self.version(name) } else { Ok(Abi) }
    }

    pub(crate) fn part<T: From<Value<'a>>>(&mut self, name: &str) -> Result<T, Error> {
        object(self.take(name)?).map(T::from).map_err(|e| e.within(name))
    }

    pub(crate) fn optional_part<T: From<Value<'a>>>(&mut self, name: &str) -> Result<T, Error> {
        match self.take(name)? {
            Value::Missing => Ok(T::from(Value::Missing)),
            v => object(v).map(T::from).map_err(|e| e.within(name)),
        }
    }

    /// An integer that must be there.
    pub(crate) fn whole(&mut self, name: &str) -> Result<i64, Error> {
        self.take(name)?.int().ok_or_else(|| must(name, "an integer"))
    }

    /// A score request as cases have it: without a member "abi", if they like.
    pub(crate) fn score_request(&mut self, name: &str) -> Result<crate::ScoreRequest<'a>, Error> {
        let mut v = self.take(name)?;
        if let Value::Object(members) = &mut v
            && !members.iter().any(|m| m.0 == "abi")
        {
            members.push((Cow::Borrowed("abi"), VERSION.into()));
        }
        Message::of(v, self.how).map_err(|e| e.within(name))
    }

    pub(crate) fn delta(&mut self, name: &str) -> Result<i64, Error> {
        match self.take(name)?.int() {
            Some(n @ -1000..=1000) => Ok(n),
            _ => Err(must(name, "an integer from -1000 to 1000")),
        }
    }

    /// Paths into a request: one that cannot be read would redact nothing.
    pub(crate) fn paths(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let paths = self.texts(name)?;
        let leads = |s: &String| matches!(path::parse(s).as_deref(), Ok([path::Step::Name(part), ..]) if contract::PARTS.contains(&part.as_str()));
        if paths.is_empty() || !paths.iter().all(leads) {
            return Err(must(name, "a list of paths into the request"));
        }
        Ok(paths)
    }

    /// Ends the reading: what nobody took is unknown.
    pub(crate) fn end(self) -> Result<(), Error> {
        match self.members.iter().find(|m| m.1.exists()) {
            Some(m) if self.how == Reading::Strict => {
                Err(Error::new("must be left out: the contract has no such member").within(&m.0))
            }
            _ => Ok(()),
        }
    }
}

// What manifests have that nothing else has.
impl<'a> Fields<'a> {
    pub(crate) fn scoped_name(&mut self, name: &str) -> Result<String, Error> {
        let s = self.filled(name)?;
        let segment = |s: &str| {
            s.bytes().all(|b| matches!(b, b'.' | b'-' | b'a'..=b'z' | b'0'..=b'9')) && s.bytes().any(|b| b != b'.')
        };
        match s.split_once('/') {
            Some((scope, plugin)) if segment(scope) && segment(plugin) => Ok(s),
            _ => Err(must(name, "scope/name of a-z, 0-9, '.' and '-'")),
        }
    }

    pub(crate) fn semver(&mut self, name: &str) -> Result<String, Error> {
        let s = self.filled(name)?;
        match is_version(&s) {
            true => Ok(s),
            false => Err(must(name, "a semantic version (1.2.3), or a local policy's digest (sha256:…)")),
        }
    }

    fn word(&mut self, name: &str, words: &[&str]) -> Result<String, Error> {
        let s = self.text(name)?;
        match words.contains(&s.as_str()) {
            true => Ok(s),
            false => Err(must(name, &format!("one of {}", words.join(", ")))),
        }
    }

    pub(crate) fn plugin_kind(&mut self, name: &str) -> Result<String, Error> {
        self.word(name, &["policy", "compliance", "reward"])
    }

    pub(crate) fn entry(&mut self, name: &str) -> Result<String, Error> {
        let entry = self.word(name, &["extism", "direct", ""])?;
        Ok(if entry.is_empty() { "extism".to_owned() } else { entry })
    }

    pub(crate) fn stages(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let stages = self.texts(name)?;
        match stages.iter().all(|s| s == "pre_tool" || s == "post_tool") {
            true if stages.is_empty() => Ok(vec!["pre_tool".to_owned()]),
            true => Ok(stages),
            false => Err(must(name, "pre_tool or post_tool")),
        }
    }

    pub(crate) fn effects(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let effects = self.texts(name)?;
        match effects.iter().all(|e| Decision::parse(e).is_some_and(|d| d != Decision::Abstain)) {
            true => Ok(effects),
            false => Err(must(name, "decisions")),
        }
    }

    pub(crate) fn schema(&mut self, name: &str) -> Result<Value<'a>, Error> {
        match self.take(name)? {
            v @ (Value::Missing | Value::Object(_)) => Ok(v),
            v => Err(not("a JSON Schema, an object", &v).within(name)),
        }
    }

    pub(crate) fn pages(&mut self, name: &str) -> Result<u64, Error> {
        match self.count(name)? {
            n @ 0..=65536 => Ok(n),
            _ => Err(must(name, "at most 65536")),
        }
    }
}

/// What holds between a manifest's members.
pub(crate) fn check_manifest(m: &Manifest<'_>) -> Result<(), Error> {
    if m.kind == "compliance" && m.effects.iter().any(|e| e == "allow") {
        return Err(must("effects", "without allow: compliance never allows"));
    }
    Ok(())
}

/// Whether s is a version of semver.org 2.0.0, or `sha256:` and 64 hexadecimal digits.
fn is_version(s: &str) -> bool {
    if let Some(digest) = s.strip_prefix("sha256:") {
        return digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    }
    let (s, build) = s.split_once('+').map_or((s, None), |(s, b)| (s, Some(b)));
    let (s, pre) = s.split_once('-').map_or((s, None), |(s, p)| (s, Some(p)));
    let identifiers = |s: &str, strict_numbers: bool| {
        s.split('.').all(|id| {
            let number = id.bytes().all(|b| b.is_ascii_digit());
            !id.is_empty()
                && id.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric())
                && !(strict_numbers && number && id.len() > 1 && id.starts_with('0'))
        })
    };
    build.is_none_or(|b| identifiers(b, false))
        && pre.is_none_or(|p| identifiers(p, true))
        && identifiers(s, true)
        && s.split('.').count() == 3
        && s.bytes().all(|b| b == b'.' || b.is_ascii_digit())
}

fn must(name: &str, want: &str) -> Error {
    Error::new(format!("must be {want}")).within(name)
}

fn not(want: &str, got: &Value<'_>) -> Error {
    Error::new(format!("must be {want}, not {}", got.kind()))
}

/// A value that is an object.
pub(crate) fn object(v: Value<'_>) -> Result<Value<'_>, Error> {
    match v {
        Value::Object(_) => Ok(v),
        v => Err(not("an object", &v)),
    }
}

/// Writes an object's members one after the other.
pub(crate) struct Object<'o> {
    out: &'o mut String,
    some: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut String) -> Self {
        out.push('{');
        Object { out, some: false }
    }

    fn name(&mut self, name: &str) -> &mut String {
        if self.some {
            self.out.push(',');
        }
        self.some = true;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, s: &str) {
        json::append_string(self.name(name), s);
    }

    pub(crate) fn integer(&mut self, name: &str, n: impl std::fmt::Display) {
        json::append_display(self.name(name), n);
    }

    pub(crate) fn boolean(&mut self, name: &str, b: bool) {
        self.name(name).push_str(if b { "true" } else { "false" });
    }

    pub(crate) fn value(&mut self, name: &str, v: &Value<'_>) {
        json::append(self.name(name), v);
    }

    pub(crate) fn message<'a>(&mut self, name: &str, m: &impl Message<'a>) {
        m.append(self.name(name));
    }

    pub(crate) fn texts(&mut self, name: &str, items: &[String]) {
        append_list(self.name(name), items, |out, s| json::append_string(out, s));
    }

    pub(crate) fn messages<'a>(&mut self, name: &str, items: &[impl Message<'a>]) {
        append_list(self.name(name), items, |out, m| m.append(out));
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }
}

fn append_list<T>(out: &mut String, items: &[T], append: impl Fn(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        append(out, item);
    }
    out.push(']');
}

/// Writes the listed members first, in the list's order, then the others as they stand.
pub(crate) fn append_shaped(out: &mut String, v: &Value<'_>, order: &[&str]) {
    let from = out.len();
    let members = v.members();
    for name in order {
        members.iter().filter(|m| m.0 == *name).for_each(|m| json::append_member(out, from, m));
    }
    members.iter().filter(|m| !order.contains(&&*m.0)).for_each(|m| json::append_member(out, from, m));
    json::close_object(out, from);
}

pub(crate) fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl<'a> Message<'a> for Findings {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "answer", how)?;
        f.version("abi")?;
        f.present("findings")?;
        let findings = f.messages("findings")?;
        f.end()?;
        Ok(Findings(findings))
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.integer("abi", VERSION);
        o.messages("findings", &self.0);
        o.close();
    }
}

impl<'a> Message<'a> for Vec<crate::Case<'a>> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        cases(v, how, |c: &crate::Case<'_>| &c.name)
    }

    fn append(&self, out: &mut String) {
        append_list(out, self, |out, c| c.append(out));
    }
}

impl<'a> Message<'a> for Vec<crate::ScoreCase<'a>> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        cases(v, how, |c: &crate::ScoreCase<'_>| &c.name)
    }

    fn append(&self, out: &mut String) {
        append_list(out, self, |out, c| c.append(out));
    }
}

/// Cases of two names alike are an error: one of them would never be looked at.
fn cases<'a, T: Message<'a>>(v: Value<'a>, how: Reading, name: impl Fn(&T) -> &String) -> Result<Vec<T>, Error> {
    let Value::List(items) = v else {
        return Err(not("a list", &v).within("cases"));
    };
    let cases: Vec<T> = items.into_iter().map(|v| T::of(v, how)).collect::<Result<_, _>>()?;
    for (i, case) in cases.iter().enumerate() {
        if cases[..i].iter().any(|c| name(c) == name(case)) {
            return Err(must("name", "unlike every other case's"));
        }
    }
    Ok(cases)
}

impl From<Cow<'static, str>> for Value<'static> {
    fn from(s: Cow<'static, str>) -> Self {
        Value::String(s)
    }
}
