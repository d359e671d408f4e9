//! Paths as policies write them, the twin of `pdk/abi/path.go`.

use crate::{Error, Value, json};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member's name.
    Name(String),
    /// A list's index.
    Index(usize),
}

/// Reads a path: names joined by dots, indexes and other names in brackets, as in `data.user["x-y"].rows[0]`. A plain
/// name is a letter or underscore followed by letters, digits and underscores (ASCII); a name in brackets is a JSON
/// string; an index is a decimal below 2^31 without leading zeros.
pub fn parse(s: &str) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut pos = 0;
    while pos < s.len() {
        pos = match s.as_bytes()[pos] {
            b'[' => bracket(s, pos + 1, &mut steps)?,
            b'.' if !steps.is_empty() => name(s, pos + 1, &mut steps)?,
            _ if steps.is_empty() => name(s, pos, &mut steps)?,
            _ => return Err(Error::new(format!("path: expected '.' or '[' at byte {pos}"))),
        };
    }
    if steps.is_empty() { Err(Error::new("path: empty")) } else { Ok(steps) }
}

fn name(s: &str, from: usize, steps: &mut Vec<Step>) -> Result<usize, Error> {
    let n = plain(&s[from..]);
    if n == 0 {
        return Err(Error::new(format!("path: expected a name at byte {from}")));
    }
    steps.push(Step::Name(s[from..from + n].to_owned()));
    Ok(from + n)
}

/// How many bytes of s are a plain name.
fn plain(s: &str) -> usize {
    let fits = |(i, b): (usize, u8)| b == b'_' || b.is_ascii_alphabetic() || i > 0 && b.is_ascii_digit();
    s.bytes().enumerate().take_while(|x| fits(*x)).count()
}

fn bracket(s: &str, from: usize, steps: &mut Vec<Step>) -> Result<usize, Error> {
    let rest = &s[from..];
    let n = if rest.starts_with('"') {
        let mut r = json::Reader::new(rest);
        let name = r.string()?.into_owned();
        steps.push(Step::Name(name));
        r.pos
    } else {
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        match rest[..n].parse::<i32>() {
            Ok(i) if n == 1 || !rest.starts_with('0') => steps.push(Step::Index(i as usize)),
            _ => return Err(Error::new(format!("path: expected an index or a name in double quotes at byte {from}"))),
        }
        n
    };
    if !rest[n..].starts_with(']') {
        return Err(Error::new(format!("path: expected ']' at byte {}", from + n)));
    }
    Ok(from + n + 1)
}

/// Appends the path as [`parse`] reads it.
pub fn append(out: &mut String, path: &[Step]) {
    for (i, step) in path.iter().enumerate() {
        match step {
            Step::Index(n) => json::append_display(out, format_args!("[{n}]")),
            Step::Name(name) if name.is_empty() || plain(name) < name.len() => {
                out.push('[');
                json::append_string(out, name);
                out.push(']');
            }
            Step::Name(name) => {
                if i > 0 {
                    out.push('.');
                }
                out.push_str(name);
            }
        }
    }
}

/// Follows a path from v; missing where it leads nowhere.
pub fn lookup<'v, 'a>(v: &'v Value<'a>, path: &[Step]) -> &'v Value<'a> {
    path.iter().fold(v, |v, step| match step {
        Step::Name(name) => v.get(name),
        Step::Index(i) => v.at(*i),
    })
}
