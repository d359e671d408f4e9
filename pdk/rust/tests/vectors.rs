//! The vectors of testdata/abi, natively. A Go test asks the same of the built module.

use agentmesh_pdk::{Value, json, testing};
use std::fs;
use std::path::Path;

#[path = "../examples/vectors.rs"]
mod guest;

/// The text of a file of vectors; none outside the project's own checkout.
fn file(name: &str) -> Option<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/abi");
    if !dir.exists() {
        eprintln!("skipped: the vectors are not here");
        return None;
    }
    Some(fs::read_to_string(dir.join(name)).expect("the vectors can be read"))
}

/// Asks the plugin as the host would.
fn ask(what: &str, src: &str, other: &str) -> Result<Value<'static>, String> {
    let question: Vec<_> =
        [("what", what), ("in", src), ("and", other)].map(|(n, s)| (n.into(), s.into())).into_iter().collect();
    let mut input = String::new();
    json::append(&mut input, &Value::Object(question));
    let answer = testing::call(guest::export_check, &input, None)?;
    Ok(json::read(&answer).map_err(|e| e.to_string())?.into_owned())
}

fn each(vectors: &Value, list: &str, mut f: impl FnMut(&Value)) {
    let items = vectors.get(list).items();
    assert!(!items.is_empty(), "no vectors under {list}");
    items.iter().for_each(&mut f);
}

#[test]
fn values() {
    let Some(text) = file("values.json") else { return };
    let vectors = json::read(&text).unwrap();
    each(&vectors, "invalid", |v| {
        let name = v.get("name").text();
        match v.get("in_hex").str() {
            Some(hex) => {
                let bytes: Vec<u8> =
                    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
                assert!(json::read_bytes(&bytes).is_err(), "{name}: read without error");
            }
            None => assert!(ask("value", v.get("in").text(), "").is_err(), "{name}: read without error"),
        }
    });
    each(&vectors, "valid", |v| {
        let got = ask("value", v.get("in").text(), "").unwrap();
        for (i, want) in ["in", "kind", "canonical"].into_iter().enumerate() {
            assert_eq!(got.at(i), v.get(want), "{}: {want}", v.get("name").text());
        }
    });
    each(&vectors, "changed", |v| {
        let got = ask("value", v.get("in").text(), "").unwrap();
        assert_eq!(got.at(0), v.get("out"), "{}", v.get("name").text());
    });
}

#[test]
fn equality() {
    let Some(text) = file("equal.json") else { return };
    let pairs = json::read(&text).unwrap();
    assert!(!pairs.items().is_empty());
    for p in pairs.items() {
        let (a, b) = (p.get("a").text(), p.get("b").text());
        assert_eq!(&ask("equal", a, b).unwrap(), p.get("equal"), "{}", p.get("name").text());
        assert_eq!(&ask("equal", b, a).unwrap(), p.get("equal"), "{}, turned", p.get("name").text());
        let canonical = |s| ask("value", s, "").unwrap().at(2).text().to_owned();
        let same = canonical(a) == canonical(b);
        assert_eq!(p.get("equal").bool(), Some(same), "{}: canonical bytes", p.get("name").text());
    }
}

#[test]
fn paths() {
    let Some(text) = file("paths.json") else { return };
    let vectors = json::read(&text).unwrap();
    each(&vectors, "invalid", |v| assert!(ask("path", v.get("text").text(), "").is_err(), "{}", v.get("text").text()));
    for list in ["valid", "changed"] {
        each(&vectors, list, |v| {
            let got = ask("path", v.get("text").text(), "").unwrap();
            let want = if v.get("out").exists() { v.get("out") } else { v.get("text") };
            assert_eq!(got.at(0), want);
            assert_eq!(got.at(1), v.get("steps"), "{}", v.get("text").text());
        });
    }
}

#[test]
fn messages() {
    let Some(text) = file("messages.json") else { return };
    let vectors = json::read(&text).unwrap();
    each(&vectors, "invalid", |v| {
        let (message, name) = (v.get("message").text(), v.get("name").text());
        assert!(ask(message, v.get("in").text(), "").is_err(), "{message}, {name}: read without error");
    });
    for (list, out) in [("valid", "in"), ("changed", "out")] {
        each(&vectors, list, |v| {
            let (message, name) = (v.get("message").text(), v.get("name").text());
            let got = ask(message, v.get("in").text(), "").unwrap_or_else(|e| panic!("{message}, {name}: {e}"));
            assert_eq!(&got, v.get(out), "{message}, {name}");
            assert_eq!(&ask(message, v.get(out).text(), "").unwrap(), v.get(out), "{message}, {name}, again");
        });
    }
}

/// Nothing of a valid message that was cut may be read as something else.
#[test]
fn cut_messages() {
    let Some(text) = file("messages.json") else { return };
    let vectors = json::read(&text).unwrap();
    each(&vectors, "valid", |v| {
        let src = v.get("in").text();
        for n in (0..src.len()).filter(|n| src.is_char_boundary(*n)) {
            assert!(ask(v.get("message").text(), &src[..n], "").is_err(), "read when cut at byte {n}: {src}");
        }
    });
}
