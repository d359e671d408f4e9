//! A guest that reads a message and writes it again, so that a test can hold the built module against testdata/abi. It is
//! a compliance plugin only because these may take and give any JSON.
//!
//! It is asked with `{"what":"value|equal|path|request|…","in":"…","and":"…"}` and answers with what came of it, or sets an
//! error.

use agentmesh_pdk::{
    Case, Error, Findings, Manifest, Message, Outcome, Reading, Request, Score, ScoreRequest, Value, Verdict,
    compliance, json, path,
};

#[compliance]
fn check(question: Value) -> Result<Value<'static>, Error> {
    again(question.get("what").text(), question.get("in").text(), question.get("and").text())
}

fn again(what: &str, src: &str, other: &str) -> Result<Value<'static>, Error> {
    match what {
        "value" => value(src),
        "equal" => Ok(Value::Bool(json::read(src)? == json::read(other)?)),
        "path" => steps(src),
        "request" => rewrite::<Request>(src, Reading::Lenient),
        "findings" => rewrite::<Findings>(src, Reading::Strict),
        "verdict" => rewrite::<Verdict>(src, Reading::Strict),
        "outcome" => rewrite::<Outcome>(src, Reading::Strict),
        "manifest" => rewrite::<Manifest>(src, Reading::Strict),
        "score" => rewrite::<Score>(src, Reading::Strict),
        "score_request" => rewrite::<ScoreRequest>(src, Reading::Lenient),
        "cases" => rewrite::<Vec<Case>>(src, Reading::Strict),
        _ => Err(Error::new("there are no such vectors")),
    }
}

fn rewrite<'a, M: Message<'a>>(src: &'a str, how: Reading) -> Result<Value<'static>, Error> {
    Ok(M::read(src, how)?.to_json().into())
}

/// A value's text, kind and canonical bytes in hexadecimal.
fn value(src: &str) -> Result<Value<'static>, Error> {
    let v = json::read(src)?;
    let mut text = String::new();
    json::append(&mut text, &v);
    let mut canonical = Vec::new();
    v.append_canonical(&mut canonical);
    let hex: String = canonical.iter().map(|b| format!("{b:02x}")).collect();
    Ok(Value::List(vec![text.into(), v.kind().into(), hex.into()]))
}

/// A path written again, and its steps.
fn steps(src: &str) -> Result<Value<'static>, Error> {
    let steps = path::parse(src)?;
    let mut text = String::new();
    path::append(&mut text, &steps);
    let steps = steps.into_iter().map(|s| match s {
        path::Step::Name(name) => name.into(),
        path::Step::Index(i) => Value::from(i as i64),
    });
    Ok(Value::List(vec![text.into(), Value::List(steps.collect())]))
}
