//! Running a plugin natively, under `cargo test`.

use crate::native::{self, Host};
use crate::{Case, Decision, Findings, Message, Reading, Score, ScoreCase, Value, Want, WantScore, code, json};

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
    read(&call(evaluate, request, settings)?)
}

/// Runs a policy on cases (the text of `cases.json`) and says which came out otherwise. A case that cannot be read, and a
/// file without cases, are failures.
pub fn check_cases(evaluate: extern "C" fn() -> i32, cases: &str) -> Result<usize, String> {
    let cases = Vec::<Case>::read(cases, Reading::Strict).map_err(|e| e.to_string())?;
    report(cases.iter().map(|c| {
        let answer = call(evaluate, &c.request.to_json(), settings(&c.settings).as_deref());
        (c.name.as_str(), answer.and_then(|a| read(&a)).map_or_else(|e| vec![e], |fs| c.want.differences(&fs)))
    }))
}

/// Runs a reward on cases as [`check_cases`] does a policy.
pub fn check_score_cases(score: extern "C" fn() -> i32, cases: &str) -> Result<usize, String> {
    let cases = Vec::<ScoreCase>::read(cases, Reading::Strict).map_err(|e| e.to_string())?;
    report(cases.iter().map(|c| {
        let answer = call(score, &c.request.to_json(), settings(&c.settings).as_deref());
        (c.name.as_str(), answer.and_then(|a| read(&a)).map_or_else(|e| vec![e], |s| c.want.differences(&s)))
    }))
}

fn read<M: for<'a> Message<'a>>(answer: &str) -> Result<M, String> {
    M::read(answer, Reading::Strict).map_err(|e| format!("the answer: {e}"))
}

fn settings(v: &Value<'_>) -> Option<String> {
    v.exists().then(|| {
        let mut out = String::new();
        json::append(&mut out, v);
        out
    })
}

/// How many cases there were, or what came out otherwise.
fn report<'c>(results: impl Iterator<Item = (&'c str, Vec<String>)>) -> Result<usize, String> {
    let mut n = 0;
    let mut wrong = Vec::new();
    for (name, differences) in results {
        n += 1;
        wrong.extend(differences.iter().map(|d| format!("{name}: {d}")));
    }
    match n {
        0 => Err("there are no cases".to_owned()),
        n if wrong.is_empty() => Ok(n),
        n => Err(format!("of {n} cases some came out otherwise:\n{}", wrong.join("\n"))),
    }
}

impl Want {
    /// Says where the findings of a policy asked alone are not what the case wants; `pdk/abi/want.go` has the rules.
    pub fn differences(&self, findings: &Findings) -> Vec<String> {
        let strongest = findings.strongest();
        let (decision, rule) = strongest.map_or((Decision::Abstain, ""), |f| (f.decision, &f.rule));
        let code = match decision {
            Decision::Warn | Decision::Log | Decision::Abstain => "",
            _ if rule == code::DEFAULT => code::DEFAULT,
            _ => code::RULE,
        };
        let mut out = Vec::new();
        let mut differ = |what: &str, want: &str, got: &str| {
            if want != got {
                out.push(format!("{what}: want {want}, got {got}"));
            }
        };
        differ("decision", self.decision.as_str(), decision.as_str());
        if !self.rule.is_empty() {
            differ("rule", &self.rule, rule);
        }
        if !self.code.is_empty() {
            differ("code", &self.code, code);
        }
        let warned = |name: &String| findings.iter().any(|f| f.decision == Decision::Warn && f.rule == *name);
        self.warnings.iter().filter(|w| !warned(w)).for_each(|w| differ("warnings", &format!("one by {w}"), "none"));
        out
    }
}

impl WantScore {
    /// Says where a score is not what the case wants.
    pub fn differences(&self, score: &Score) -> Vec<String> {
        let mut out = Vec::new();
        if self.delta != score.delta {
            out.push(format!("delta: want {}, got {}", self.delta, score.delta));
        }
        if !self.reasons.is_empty() && self.reasons != score.reasons {
            out.push(format!("reasons: want {:?}, got {:?}", self.reasons, score.reasons));
        }
        out
    }
}
