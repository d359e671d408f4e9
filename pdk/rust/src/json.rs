//! The strict reader and the writer of JSON: the twin of `pdk/abi/json.go`.

use crate::{Error, Number, Value, value::Member};
use std::borrow::Cow;
use std::fmt::Write;

/// How deep JSON may nest.
pub const MAX_DEPTH: usize = 64;

/// Reads one JSON value (RFC 8259), strictly, because parsers differ where the standard leaves a choice and a difference
/// between the host's and a plugin's is a way around a decision. It refuses a member named twice in one object, a
/// surrogate without its pair, nesting beyond [`MAX_DEPTH`], a number beyond float64, and anything after the value.
pub fn read(src: &str) -> Result<Value<'_>, Error> {
    let mut r = Reader::new(src);
    let v = r.value(0)?;
    match r.peek() {
        None => Ok(v),
        Some(_) => Err(r.fail("unexpected byte after the value")),
    }
}

/// Reads as [`read`] does, what is not UTF-8 included among the refusals.
pub fn read_bytes(src: &[u8]) -> Result<Value<'_>, Error> {
    match std::str::from_utf8(src) {
        Ok(s) => read(s),
        Err(e) => Err(Error::new(format!("invalid UTF-8 at byte {}", e.valid_up_to()))),
    }
}

/// A place in a text and what is read from there.
pub(crate) struct Reader<'a> {
    src: &'a str,
    pub(crate) pos: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(src: &'a str) -> Self {
        Reader { src, pos: 0 }
    }

    #[cold]
    fn fail(&self, message: &str) -> Error {
        Error::new(format!("{message} at byte {}", self.pos))
    }

    fn byte(&self) -> Option<u8> {
        self.src.as_bytes().get(self.pos).copied()
    }

    /// The next byte after white space.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(b) if b > b' ' => Some(b),
            _ => self.after_space(),
        }
    }

    #[cold]
    fn after_space(&mut self) -> Option<u8> {
        while let Some(b) = self.byte() {
            if !matches!(b, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(b);
            }
            self.pos += 1;
        }
        None
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(self.fail("nested deeper than 64")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.fail("unexpected byte")),
            None => Err(self.fail("unexpected end")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Error> {
        if !self.src.as_bytes()[self.pos..].starts_with(word.as_bytes()) {
            return Err(self.fail("unexpected word"));
        }
        self.pos += word.len();
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.pos += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.next(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.pos += 1;
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(Value::Object(Vec::new()));
        }
        let mut members = Vec::with_capacity(8); // what most parts of a request have
        loop {
            members.push(self.member(depth)?);
            if self.next(b'}')? {
                break;
            }
        }
        match repeated(&members) {
            Some(name) => Err(self.fail(&format!("member {name:?} stands twice in the object that ends"))),
            None => Ok(Value::Object(members)),
        }
    }

    #[inline(always)]
    fn member(&mut self, depth: usize) -> Result<Member<'a>, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.fail("expected a member's name in double quotes"));
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.fail("expected ':' after a member's name"));
        }
        self.pos += 1;
        Ok((name, self.value(depth + 1)?))
    }

    /// Takes a comma, or the closing byte and reports done.
    fn next(&mut self, closing: u8) -> Result<bool, Error> {
        match self.peek() {
            Some(b',') => {
                self.pos += 1;
                Ok(false)
            }
            Some(b) if b == closing => {
                self.pos += 1;
                Ok(true)
            }
            _ => Err(self.fail("expected ',' or the closing bracket")),
        }
    }

    fn number(&mut self) -> Result<Number<'a>, Error> {
        let start = self.pos;
        self.skip(b'-');
        let first = self.byte();
        match self.digits() {
            0 => return Err(self.fail("expected a digit")),
            n if n > 1 && first == Some(b'0') => return Err(self.fail("number with a leading zero")),
            _ => {}
        }
        let mut whole = true;
        if self.skip(b'.') {
            whole = false;
            if self.digits() == 0 {
                return Err(self.fail("expected a digit after the point"));
            }
        }
        if self.skip(b'e') || self.skip(b'E') {
            whole = false;
            let _ = self.skip(b'+') || self.skip(b'-');
            if self.digits() == 0 {
                return Err(self.fail("expected a digit in the exponent"));
            }
        }
        Number::read(&self.src[start..self.pos], whole).ok_or_else(|| self.fail("number out of range that ends"))
    }

    fn skip(&mut self, b: u8) -> bool {
        let there = self.byte() == Some(b);
        self.pos += usize::from(there);
        there
    }

    fn digits(&mut self) -> usize {
        let start = self.pos;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
        self.pos - start
    }

    /// Reads a quoted string. The plain case, no escape, is a slice of the source.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.pos += 1;
        let start = self.pos;
        self.pos = plain(self.src.as_bytes(), start);
        match self.byte() {
            Some(b'"') => {
                self.pos += 1;
                Ok(Cow::Borrowed(&self.src[start..self.pos - 1]))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            Some(_) => Err(self.fail("control character in a string")),
            None => Err(self.fail("string without end")),
        }
    }

    /// Reads on from the first backslash of a string that began at start.
    #[cold]
    fn escaped(&mut self, start: usize) -> Result<String, Error> {
        let mut out = self.src[start..self.pos].to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.fail("control character in a string")),
                None => return Err(self.fail("string without end")),
            }
            let from = self.pos;
            self.pos = plain(self.src.as_bytes(), from);
            out.push_str(&self.src[from..self.pos]);
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let c = match self.src.as_bytes().get(self.pos + 1) {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) => return Err(self.fail("unknown escape")),
            None => return Err(self.fail("string without end")),
        };
        self.pos += 2;
        Ok(c)
    }

    /// Takes \uXXXX, and the second half where the first is a high surrogate.
    fn unicode(&mut self) -> Result<char, Error> {
        let first = self.hex4(self.pos + 2).ok_or_else(|| self.fail("expected four hexadecimal digits after \\u"))?;
        if let Some(c) = char::from_u32(first) {
            self.pos += 6;
            return Ok(c);
        }
        let paired = self.src.as_bytes()[self.pos + 6..].starts_with(b"\\u");
        match self.hex4(self.pos + 8) {
            Some(low @ 0xDC00..=0xDFFF) if paired && first < 0xDC00 => {
                self.pos += 12;
                char::from_u32(0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00))
                    .ok_or_else(|| self.fail("surrogate without its pair"))
            }
            _ => Err(self.fail("surrogate without its pair")),
        }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.src.as_bytes().get(at..at + 4)?;
        digits.iter().try_fold(0, |n, d| Some(n << 4 | char::from(*d).to_digit(16)?))
    }
}

/// Where, from at on, a string's next byte stands that is not simply itself: quote, backslash or control character. It
/// looks at eight bytes at a time, which in a guest, where every round of a loop is counted, is most of the work saved.
fn plain(src: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte that is 0, exact up to the first such byte.
    let zeros = |x: u64| x.wrapping_sub(ONES) & !x;
    while let Some(eight) = src.get(at..at + 8).and_then(|s| s.first_chunk()) {
        let x = u64::from_le_bytes(*eight);
        let control = x.wrapping_sub(ONES * 0x20) & !x;
        let found = (zeros(x ^ (ONES * 0x22)) | zeros(x ^ (ONES * 0x5C)) | control) & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + src[at..].iter().take_while(|b| **b >= 0x20 && **b != b'"' && **b != b'\\').count()
}

/// A name that stands twice. Small objects are compared pair by pair, large ones sorted, so that an object of a million
/// members costs twenty million steps and not a million million.
fn repeated<'m>(members: &'m [Member<'_>]) -> Option<&'m str> {
    if members.len() <= 16 {
        let twice = |(i, m): &(usize, &Member<'_>)| members[..*i].iter().any(|n| n.0 == m.0);
        return members.iter().enumerate().find(twice).map(|(_, m)| &*m.0);
    }
    let mut names: Vec<&str> = members.iter().map(|m| &*m.0).collect();
    names.sort_unstable();
    names.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

/// Appends v as JSON: no spaces, members in the order they stand, numbers as received, only the escapes that must be.
/// Missing values, which JSON cannot say, are left out of objects and read null elsewhere.
pub fn append(out: &mut String, v: &Value<'_>) {
    match v {
        Value::Missing | Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => append_number(out, n),
        Value::String(s) => append_string(out, s),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                append(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let from = out.len();
            members.iter().for_each(|m| append_member(out, from, m));
            close_object(out, from);
        }
    }
}

/// Appends a member of the object that began at from, unless it is missing.
pub(crate) fn append_member(out: &mut String, from: usize, (name, value): &Member<'_>) {
    if value.exists() {
        out.push(if out.len() == from { '{' } else { ',' });
        append_string(out, name);
        out.push(':');
        append(out, value);
    }
}

/// Ends the object that began at from, which opened with its first member, if it has one.
pub(crate) fn close_object(out: &mut String, from: usize) {
    out.push_str(if out.len() == from { "{}" } else { "}" });
}

fn append_number(out: &mut String, n: &Number<'_>) {
    if !n.literal().is_empty() {
        out.push_str(n.literal());
        return;
    }
    match Value::Number(n.clone()).int() {
        Some(i) => append_display(out, i),
        None => append_float(out, n.float()),
    }
}

pub(crate) fn append_display(out: &mut String, x: impl std::fmt::Display) {
    write!(out, "{x}").expect("a String takes everything");
}

/// Appends the shortest literal that reads back as f, always with a point or an exponent, so that it reads back as a
/// float.
pub(crate) fn append_float(out: &mut String, f: f64) {
    if f != 0.0 && !(1e-6..1e21).contains(&f.abs()) {
        let text = format!("{f:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, power) = exponent.strip_prefix('-').map_or(('+', exponent), |p| ('-', p));
        append_display(out, format_args!("{digits}e{sign}{power:0>2}"));
        return;
    }
    let from = out.len();
    append_display(out, f);
    if !out[from..].contains('.') {
        out.push_str(".0");
    }
}

/// Appends s as a JSON string: quote, backslash and control characters escaped, the rest as it is.
pub fn append_string(out: &mut String, s: &str) {
    out.push('"');
    let mut from = 0;
    loop {
        let to = plain(s.as_bytes(), from);
        out.push_str(&s[from..to]);
        match s.as_bytes().get(to) {
            Some(b) => append_escape(out, *b),
            None => break,
        }
        from = to + 1;
    }
    out.push('"');
}

#[cold]
fn append_escape(out: &mut String, b: u8) {
    match b {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        8 => out.push_str("\\b"),
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        12 => out.push_str("\\f"),
        b'\r' => out.push_str("\\r"),
        _ => {
            out.push_str("\\u00");
            out.push(char::from(b'0' + (b >> 4)));
            out.push(char::from(b"0123456789abcdef"[usize::from(b & 15)]));
        }
    }
}
