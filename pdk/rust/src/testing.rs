//! Running a plugin natively, under `cargo test`.

use crate::native::{self, Host};
use crate::{Case, Decision, Finding, Findings, Message, Reading, Value, json};

/// Calls an export as the host does: with a message, and settings as JSON. It gives the answer, or the error that the
/// plugin set.
///
/// ```
/// use agentmesh_pdk::{Finding, Request, policy, testing};
///
/// #[policy]
/// fn decide(request: Request) -> Option<Finding> {
///     request.data.get("contains_pii").is_true().then(|| Finding::deny("no-pii"))
/// }
///
/// let answer = testing::call(evaluate, r#"{"abi":1,"data":{"contains_pii":true}}"#, None).unwrap();
/// assert!(answer.contains("no-pii"));
/// ```
pub fn call(export: extern "C" fn() -> i32, input: &str, settings: Option<&str>) -> Result<String, String> {
    native::with(|h| {
        *h = Host { input: input.into(), ..Host::default() };
        h.config.extend(settings.map(|s| ("settings".to_owned(), s.to_owned())));
    });
    let code = export();
    native::with(|h| match (code, h.error.take()) {
        (0, None) => String::from_utf8(std::mem::take(&mut h.output)).map_err(|e| e.to_string()),
        (code, error) => Err(error.unwrap_or_else(|| format!("the plugin returned {code}"))),
    })
}

/// The lines that the last call logged, each with its level.
pub fn logs() -> Vec<(&'static str, String)> {
    native::with(|h| std::mem::take(&mut h.logs))
}

/// The findings of a policy, called as the host does.
pub fn findings(evaluate: extern "C" fn() -> i32, request: &str, settings: Option<&str>) -> Result<Findings, String> {
    let answer = call(evaluate, request, settings)?;
    Findings::read(&answer, Reading::Strict).map_err(|e| format!("the answer: {e}"))
}

/// Runs a policy on cases (the text of `cases.json`) and says which came out otherwise. A case that cannot be read, and a
/// file without cases, are failures.
pub fn check_cases(evaluate: extern "C" fn() -> i32, cases: &str) -> Result<usize, String> {
    let cases = Vec::<Case>::read(cases, Reading::Strict).map_err(|e| e.to_string())?;
    let wrong: Vec<String> = cases.iter().filter_map(|c| check(evaluate, c).err()).collect();
    match cases.len() {
        0 => Err("there are no cases".to_owned()),
        n if wrong.is_empty() => Ok(n),
        n => Err(format!("{} of {n} cases came out otherwise:\n{}", wrong.len(), wrong.join("\n"))),
    }
}

fn check(evaluate: extern "C" fn() -> i32, case: &Case<'_>) -> Result<(), String> {
    let settings = case.settings.exists().then(|| text(&case.settings));
    let findings = findings(evaluate, &case.request.to_json(), settings.as_deref());
    let findings = findings.map_err(|e| format!("{}: {e}", case.name))?;
    let (decision, rule) = verdict(&findings);
    let want = &case.want;
    if decision != want.decision || !want.rule.is_empty() && rule != want.rule {
        let (got, wanted) = (decision.as_str(), want.decision.as_str());
        return Err(format!("{}: got {got} by {rule:?}, want {wanted} by {:?}", case.name, want.rule));
    }
    let warns = |name: &String| findings.iter().any(|f| f.decision == Decision::Warn && f.rule == *name);
    match want.warnings.iter().find(|w| !warns(w)) {
        Some(missing) => Err(format!("{}: no warning by {missing:?}", case.name)),
        None => Ok(()),
    }
}

fn text(v: &Value<'_>) -> String {
    let mut out = String::new();
    json::append(&mut out, v);
    out
}

/// What a policy asked alone says: what decides, else its first warning, else its first note.
fn verdict(findings: &Findings) -> (Decision, &str) {
    let first = |d| findings.iter().find(move |f: &&Finding| f.decision == d);
    let finding = findings.strongest().or_else(|| first(Decision::Warn)).or_else(|| first(Decision::Log));
    finding.map_or((Decision::Abstain, ""), |f| (f.decision, &f.rule))
}
