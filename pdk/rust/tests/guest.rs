//! What the attributes make of a function, called as the host does.

use agentmesh_pdk::{
    Decision, Error, Finding, Findings, Obligation, OutcomeStatus, Request, Score, ScoreRequest, policy, reward,
    testing,
};

mod with_settings {
    use super::*;

    #[derive(Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Mine {
        name: String,
        most: Option<i64>,
        mode: Mode,
        decision: Option<Decision>,
    }

    #[derive(Default, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Plain,
        Named(String),
        Wide {
            by: u8,
        },
    }

    #[policy]
    pub fn decide(_request: Request, settings: &Mine) -> Finding {
        agentmesh_pdk::info!("asked as {}", settings.name);
        let mode = match &settings.mode {
            Mode::Plain => "plain".to_owned(),
            Mode::Named(name) => format!("named {name}"),
            Mode::Wide { by } => format!("wide by {by}"),
        };
        let reason = format!("{:?} {mode}", settings.most);
        Finding::new(settings.decision.unwrap_or(Decision::Log), "echo").reason(reason)
    }
}

fn reason(settings: Option<&str>) -> Result<String, String> {
    let findings = testing::findings(with_settings::evaluate, r#"{"abi":1}"#, settings)?;
    Ok(findings.iter().map(|f| format!("{} {}", f.decision.as_str(), f.reason)).collect())
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for (settings, names) in [
        ("{", "settings: expected a member's name"),
        ("[]", "settings: must be an object, not list"),
        (r#"{"nam":"secret"}"#, r#"settings: "nam": must be left out"#),
        (r#"{"name":5}"#, r#"settings: "name": must be a string, not integer"#),
        (r#"{"most":"secret"}"#, r#"settings: "most": must be i64, not string"#),
        (r#"{"most":1.5}"#, r#"settings: "most""#),
        (r#"{"mode":"secret"}"#, r#"settings: "mode": must be one of plain, named, wide"#),
        (r#"{"mode":{"wide":{"by":256}}}"#, r#"settings: "by": must be u8"#),
        (r#"{"decision":"block"}"#, r#"settings: "decision": must be one of deny, require_approval"#),
        (r#"{"name":"a","name":"b"}"#, "settings: member \"name\" stands twice"),
    ] {
        let error = reason(Some(settings)).expect_err(settings);
        assert!(error.starts_with(names), "{settings}: got {error}, want {names}");
        assert!(!error.contains("secret"), "{settings}: the error holds the value: {error}");
    }
}

#[test]
fn settings() {
    for (settings, want) in [
        (None, "log None plain"),
        (Some("{}"), "log None plain"),
        (Some(r#"{"most":7,"mode":{"named":"x"},"decision":"deny"}"#), "deny Some(7) named x"),
        (Some(r#"{"most":null,"mode":{"wide":{"by":255}}}"#), "log None wide by 255"),
    ] {
        assert_eq!(reason(settings).as_deref(), Ok(want), "{settings:?}");
    }
}

#[test]
fn logging() {
    for name in ["", "a", "1234567", "seven and more", "ä€😀"] {
        reason(Some(&format!(r#"{{"name":"{name}"}}"#))).unwrap();
        assert_eq!(testing::logs(), [("info", format!("asked as {name}"))]);
    }
}

mod failing {
    use super::*;

    #[policy]
    pub fn decide(request: Request) -> Result<Option<Finding>, Error> {
        match request.data.get("why").str() {
            Some(why) => Err(Error::new(why)),
            None => Ok(None),
        }
    }
}

#[test]
fn failures_are_errors_of_the_call() {
    for (request, want) in [
        (r#"{"abi":1,"data":{"why":"no answer"}}"#, "no answer"),
        (r#"{"abi":2}"#, "\"abi\": must be 1"),
        (r#"{"abi":1,"data":[]}"#, "\"data\": must be an object, not list"),
        ("", "unexpected end at byte 0"),
        ("\u{feff}{}", "unexpected byte at byte 0"),
    ] {
        assert_eq!(testing::call(failing::evaluate, request, None), Err(want.to_owned()), "{request}");
    }
    let abstains = testing::call(failing::evaluate, r#"{"abi":1}"#, None);
    assert_eq!(abstains.as_deref(), Ok(r#"{"abi":1,"findings":[]}"#));
}

/// Inputs and outputs move eight bytes at a time: every length must come out whole.
#[test]
fn every_length() {
    for n in 0..64 {
        let why = "x".repeat(n);
        let request = format!(r#"{{"data":{{"why":"{why}"}}}}"#);
        assert_eq!(testing::call(failing::evaluate, &request, None), Err(why));
        let short = format!("{}{}", " ".repeat(n), 1);
        assert_eq!(
            testing::call(failing::evaluate, &short, None),
            Err("\"request\": must be an object, not integer".into())
        );
    }
}

mod scoring {
    use super::*;

    #[reward]
    pub fn by_outcome(request: ScoreRequest) -> Result<Score, Error> {
        match request.outcome.status {
            OutcomeStatus::Ok => Ok(Score::new(5, [format!("success of {}", request.agent.name().text())])),
            _ => Err(Error::new("not yet")),
        }
    }
}

#[test]
fn reward_scores() {
    let ask = |status: &str| {
        let request = format!(
            r#"{{"abi":1,"agent":{{"name":"a"}},"verdict":{{"decision":"allow","x":1}},"outcome":{{"decision_id":"d","status":"{status}"}}}}"#
        );
        testing::call(scoring::score, &request, None)
    };
    assert_eq!(ask("error"), Err("not yet".to_owned()));
    assert!(ask("done").is_err());
    assert_eq!(ask("ok").as_deref(), Ok(r#"{"delta":5,"reasons":["success of a"]}"#));
}

#[test]
fn findings_are_built() {
    let finding = Finding::allow("api").reason("fine").priority(3).limit("100/hour").redact(["data.card"]);
    assert_eq!(
        finding.obligations,
        [
            Obligation::Limit { rule: "api".into(), limit: "100/hour".into() },
            Obligation::Redact { rule: "api".into(), paths: vec!["data.card".into()] },
        ]
    );
    let all: Findings = [
        Finding::warn("w"),
        Finding::allow("a").priority(9),
        Finding::deny("low"),
        Finding::deny("high").priority(1),
        Finding::deny("late").priority(1),
    ]
    .into_iter()
    .collect();
    assert_eq!(all.strongest().map(|f| f.rule.as_str()), Some("high"));
    let weak: Findings = [Finding::log("l").priority(9), Finding::warn("w")].into_iter().collect();
    assert_eq!(weak.strongest().map(|f| f.rule.as_str()), Some("w"));
    assert_eq!(Findings::none().strongest(), None);
}

#[test]
fn cases_that_come_out_otherwise_are_named() {
    let case = |want: &str| format!(r#"[{{"name":"one","request":{{"data":{{}}}},"want":{want}}}]"#);
    for (cases, says) in [
        ("[]".to_owned(), "there are no cases"),
        (case(r#"{"decision":"deny"}"#), "one: decision: want deny, got log"),
        (case(r#"{"decision":"log","rule":"other"}"#), "one: rule: want other, got echo"),
        (case(r#"{"decision":"log","warnings":["w"]}"#), "one: warnings: want one by w, got none"),
        (case(r#"{"decision":"log","code":"rule"}"#), "one: code: want rule, got "),
        (case(r#"{"decisoin":"log"}"#), "must be"),
    ] {
        let error = testing::check_cases(with_settings::evaluate, &cases).expect_err(&cases);
        assert!(error.contains(says), "got {error}, want {says}");
    }
    assert_eq!(testing::check_cases(with_settings::evaluate, &case(r#"{"decision":"log","rule":"echo"}"#)), Ok(1));
}

#[test]
fn score_cases() {
    let case = |status: &str, want: &str| {
        format!(
            r#"[{{"name":"one","request":{{"agent":{{"name":"a"}},"verdict":{{"decision":"allow"}},"outcome":{{"decision_id":"d","status":"{status}"}}}},"want":{want}}}]"#
        )
    };
    for (cases, says) in [
        (case("ok", r#"{"delta":6}"#), "one: delta: want 6, got 5"),
        (case("ok", r#"{"delta":5,"reasons":["other"]}"#), "one: reasons: want [\"other\"]"),
        (case("error", r#"{"delta":5}"#), "one: not yet"),
        (case("ok", r#"{"delta":5.5}"#), "\"delta\": must be an integer"),
        (case("ok", r#"{"delta":5,"x":1}"#), "\"x\": must be left out"),
        (case("okay", r#"{"delta":5}"#), "\"status\": must be one of"),
        (case("ok", r#"{"delta":5}"#).replace("verdict", "verdcit"), "\"verdict\": must be an object, not missing"),
        (case("ok", r#"{"delta":5}"#).replace("\"agent\"", "\"abi\":2,\"agent\""), "\"abi\": must be 1"),
    ] {
        let error = testing::check_score_cases(scoring::score, &cases).expect_err(&cases);
        assert!(error.contains(says), "got {error}, want {says}");
    }
    assert_eq!(
        testing::check_score_cases(scoring::score, &case("ok", r#"{"delta":5,"reasons":["success of a"]}"#)),
        Ok(1)
    );
}
