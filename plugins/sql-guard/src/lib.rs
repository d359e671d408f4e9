//! Judges SQL in an action's arguments by all its statements, as a parser of the database's dialect reads them.
//!
//! It never allows: it forbids, asks for approval, warns, or says nothing.

mod dialect;
mod names;
mod settings;
mod statements;

use agentmesh_pdk::{Findings, Request, Value, policy};
use settings::Settings;

/// What any one text may hold. A parser's work grows with it.
const MAX_TEXT: usize = 256 << 10;

#[policy]
fn decide(request: Request, settings: &Settings) -> Findings {
    let mut out = Findings::none();
    let texts = texts(&request, settings);
    if texts.is_empty() && !request.resource.sql().items().is_empty() {
        out.push(settings::unseen());
    }
    let dialect = settings.dialect_of(request.action.server().text());
    for text in texts {
        out.extend(statements::judge(text, dialect, settings));
    }
    out
}

/// The SQL of the arguments that the settings name, each a string or a list of strings. An argument that is neither
/// counts as text that nobody can read.
fn texts<'r>(request: &'r Request<'_>, settings: &Settings) -> Vec<&'r str> {
    let mut out = Vec::new();
    for name in &settings.arguments {
        match request.data.get(name) {
            Value::Missing | Value::Null => {}
            Value::List(items) => out.extend(items.iter().map(Value::text)),
            v => out.push(v.text()),
        }
    }
    out
}
