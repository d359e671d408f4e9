// Generated from pdk/abi by go test ./pdk/rust -run Contract -update. Do not edit.

//! The messages of the contract: what a plugin is given and what it answers.

use crate::fields::{Fields, Message, Object, Reading};
use crate::{Abi, Error, Value, json};
use serde::{Deserialize, Serialize};

/// The contract's number, the member "abi" of every message.
pub const VERSION: i64 = 1;

/// Decision is what a judge says of an action, or the host of all judges together. The zero Decision denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    #[default]
    /// `deny`
    Deny,
    /// `require_approval`
    RequireApproval,
    /// `allow`
    Allow,
    /// `warn`
    Warn,
    /// `log`
    Log,
    /// `abstain`
    Abstain,
}

impl Decision {
    /// The word that stands in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Deny => "deny",
            Decision::RequireApproval => "require_approval",
            Decision::Allow => "allow",
            Decision::Warn => "warn",
            Decision::Log => "log",
            Decision::Abstain => "abstain",
        }
    }

    /// What a word of a message means, if anything.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "deny" => Some(Decision::Deny),
            "require_approval" => Some(Decision::RequireApproval),
            "allow" => Some(Decision::Allow),
            "warn" => Some(Decision::Warn),
            "log" => Some(Decision::Log),
            "abstain" => Some(Decision::Abstain),
            _ => None,
        }
    }
}

impl<'a> Message<'a> for Decision {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        v.str()
            .and_then(Self::parse)
            .ok_or_else(|| Error::new("must be one of deny, require_approval, allow, warn, log, abstain"))
    }

    fn append(&self, out: &mut String) {
        json::append_string(out, self.as_str());
    }
}

/// OutcomeStatus says what became of an action after its verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// `ok`
    Ok,
    #[default]
    /// `error`
    Error,
    /// `withheld`
    Withheld,
    /// `cancelled`
    Cancelled,
}

impl OutcomeStatus {
    /// The word that stands in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeStatus::Ok => "ok",
            OutcomeStatus::Error => "error",
            OutcomeStatus::Withheld => "withheld",
            OutcomeStatus::Cancelled => "cancelled",
        }
    }

    /// What a word of a message means, if anything.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "ok" => Some(OutcomeStatus::Ok),
            "error" => Some(OutcomeStatus::Error),
            "withheld" => Some(OutcomeStatus::Withheld),
            "cancelled" => Some(OutcomeStatus::Cancelled),
            _ => None,
        }
    }
}

impl<'a> Message<'a> for OutcomeStatus {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        v.str().and_then(Self::parse).ok_or_else(|| Error::new("must be one of ok, error, withheld, cancelled"))
    }

    fn append(&self, out: &mut String) {
        json::append_string(out, self.as_str());
    }
}

/// Why a verdict came out as it did. Codes are stable, and more of them may come.
pub mod code {
    /// A rule decided, the one the verdict names.
    pub const RULE: &str = "rule";
    /// A policy's written-out default decided.
    pub const DEFAULT: &str = "default";
    /// Nobody allowed the action.
    pub const NO_RULE: &str = "no_rule";
    /// A limit is used up; the verdict says when to come back.
    pub const RATE_LIMITED: &str = "rate_limited";
    /// A human must approve first.
    pub const APPROVAL_REQUIRED: &str = "approval_required";
    /// A human must approve, and nobody can be asked.
    pub const APPROVAL_UNAVAILABLE: &str = "approval_unavailable";
    /// A judge trapped.
    pub const TRAP: &str = "trap";
    /// A judge used up its instructions.
    pub const OUT_OF_FUEL: &str = "out_of_fuel";
    /// A judge wanted more memory than it may have.
    pub const OUT_OF_MEMORY: &str = "out_of_memory";
    /// A judge's answer is not what the contract says, or a decision that its manifest does not have.
    pub const OUTPUT_INVALID: &str = "output_invalid";
    /// A judge's answer is larger than the host reads.
    pub const OUTPUT_TOO_LARGE: &str = "output_too_large";
    /// The request is larger than judges may be given.
    pub const INPUT_TOO_LARGE: &str = "input_too_large";
    /// A judge ran longer than the host waits.
    pub const WATCHDOG: &str = "watchdog";
    /// A judge that must be asked is not there.
    pub const ABSENT: &str = "absent";
    /// No version of a judge that must be asked is in effect any more.
    pub const LAPSED: &str = "lapsed";
    /// A judge failed so often for this agent that it is not asked for a while.
    pub const BREAKER_OPEN: &str = "breaker_open";
    /// The decision could not be made durable.
    pub const LEDGER_FAILED: &str = "ledger_failed";
    /// The action names the mesh's own state, rules, configuration or binaries.
    pub const SELF_PROTECTED: &str = "self_protected";
    /// The request is not well formed.
    pub const MALFORMED: &str = "malformed";
    /// More requests wait than the host holds.
    pub const OVERLOADED: &str = "overloaded";
    /// The state that limits are counted in could not be read or written.
    pub const STATE_FAILED: &str = "state_failed";
    /// The caller went away before the decision was made.
    pub const CANCELLED: &str = "cancelled";
    /// It is no module that runs here, or exceeds what one may have.
    pub const PLUGIN_MALFORMED: &str = "plugin_malformed";
    /// It imports what is not given to plugins.
    pub const IMPORT_REFUSED: &str = "import_refused";
    /// It lacks a function of its kind, or has it with another type.
    pub const EXPORT_MISSING: &str = "export_missing";
    /// Its manifest or its cases are missing or wrong.
    pub const MANIFEST_INVALID: &str = "manifest_invalid";
    /// What the operator set is not what the plugin takes.
    pub const SETTINGS_INVALID: &str = "settings_invalid";
    /// It does not answer one of its own golden cases as that case wants.
    pub const CASE_FAILED: &str = "case_failed";
    /// It answers otherwise under the reference engine than here.
    pub const ENGINES_DIFFER: &str = "engines_differ";
    /// To compile and try it took more time or memory than is given for that.
    pub const ADMISSION_LIMIT: &str = "admission_limit";
    /// The host could not try it; nothing is known of the plugin.
    pub const ADMISSION_FAILED: &str = "admission_failed";
}

/// Obligation is what the host must do about a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Obligation {
    /// `limit`
    Limit {
        /// The rule that asks for it.
        rule: String,
        /// "100/hour"; for limit
        limit: String,
    },
    /// `approval`
    Approval {
        /// The rule that asks for it.
        rule: String,
        /// for approval; empty: anyone the operator lets approve
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvers: Vec<String>,
    },
    /// `redact`
    Redact {
        /// The rule that asks for it.
        rule: String,
        /// for redact
        paths: Vec<String>,
    },
}

impl<'a> Message<'a> for Obligation {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "obligations", how)?;
        let kind = f.filled("kind")?;
        let rule = f.filled("rule")?;
        let out = match &*kind {
            "limit" => Obligation::Limit { rule, limit: f.filled("limit")? },
            "approval" => Obligation::Approval { rule, approvers: f.texts("approvers")? },
            "redact" => Obligation::Redact { rule, paths: f.paths("paths")? },
            _ => return Err(Error::new("must be one of limit, approval, redact").within("kind")),
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        match self {
            Obligation::Limit { rule, limit } => {
                o.text("kind", "limit");
                o.text("rule", rule);
                o.text("limit", limit);
            }
            Obligation::Approval { rule, approvers } => {
                o.text("kind", "approval");
                o.text("rule", rule);
                if !approvers.is_empty() {
                    o.texts("approvers", approvers);
                }
            }
            Obligation::Redact { rule, paths } => {
                o.text("kind", "redact");
                o.text("rule", rule);
                o.texts("paths", paths);
            }
        }
        o.close();
    }
}

/// Finding is one judge's decision by one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Finding {
    /// `decision`
    pub decision: Decision,
    /// `rule`
    pub rule: String,
    /// `reason`
    pub reason: String,
    /// `priority`
    pub priority: i64,
    /// `obligations`
    pub obligations: Vec<Obligation>,
}

impl<'a> Message<'a> for Finding {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "findings", how)?;
        let out = Finding {
            decision: f.given("decision")?,
            rule: f.filled("rule")?,
            reason: f.text("reason")?,
            priority: f.integer("priority")?,
            obligations: f.messages("obligations")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.message("decision", &self.decision);
        o.text("rule", &self.rule);
        o.text("reason", &self.reason);
        o.integer("priority", self.priority);
        o.messages("obligations", &self.obligations);
        o.close();
    }
}

/// Outcome is what happened after a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// `decision_id`
    pub decision_id: String,
    /// `status`
    pub status: OutcomeStatus,
    /// of the result
    pub bytes: u64,
    /// milliseconds from forwarding to the result
    pub ms: u64,
}

impl<'a> Message<'a> for Outcome {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "outcome", how)?;
        let out = Outcome {
            decision_id: f.filled("decision_id")?,
            status: f.message("status")?,
            bytes: f.count("bytes")?,
            ms: f.count("ms")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.text("decision_id", &self.decision_id);
        o.message("status", &self.status);
        o.integer("bytes", self.bytes);
        o.integer("ms", self.ms);
        o.close();
    }
}

/// Judged says how one judge took part in a verdict. Monitored judges are recorded and decide nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judged {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `digest`
    pub digest: String,
    /// `settings_digest`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub settings_digest: String,
    /// Abstain when it found nothing
    pub decision: Decision,
    /// `rule`
    pub rule: String,
    /// `fuel`
    pub fuel: u64,
    /// `monitored`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
}

impl<'a> Message<'a> for Judged {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "judges", how)?;
        let out = Judged {
            name: f.filled("name")?,
            version: f.text("version")?,
            digest: f.text("digest")?,
            settings_digest: f.text("settings_digest")?,
            decision: f.decision("decision")?,
            rule: f.text("rule")?,
            fuel: f.count("fuel")?,
            monitored: f.boolean("monitored")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.text("name", &self.name);
        o.text("version", &self.version);
        o.text("digest", &self.digest);
        if !self.settings_digest.is_empty() {
            o.text("settings_digest", &self.settings_digest);
        }
        o.message("decision", &self.decision);
        o.text("rule", &self.rule);
        o.integer("fuel", self.fuel);
        if self.monitored {
            o.boolean("monitored", self.monitored);
        }
        o.close();
    }
}

/// Verdict is the combined decision, of one shape in commands, over HTTP and in the ledger. The zero Verdict denies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verdict {
    /// `decision`
    pub decision: Decision,
    /// `code`
    pub code: String,
    /// `rule`
    pub rule: String,
    /// the judge whose rule it is
    pub policy: String,
    /// for people
    pub reason: String,
    /// `warnings`
    pub warnings: Vec<String>,
    /// `judges`
    pub judges: Vec<Judged>,
    /// `obligations`
    pub obligations: Vec<Obligation>,
    /// seconds, rounded up; 0: no use waiting
    #[serde(skip_serializing_if = "crate::fields::is_zero")]
    pub retry_after: u64,
    /// digest of the judges, settings and configuration that were active
    pub set: String,
    /// `id`
    pub id: String,
    /// false: recorded only, the action went on regardless
    pub enforced: bool,
}

impl<'a> Message<'a> for Verdict {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "verdict", how)?;
        let out = Verdict {
            decision: f.deciding("decision")?,
            code: f.text("code")?,
            rule: f.text("rule")?,
            policy: f.text("policy")?,
            reason: f.text("reason")?,
            warnings: f.texts("warnings")?,
            judges: f.messages("judges")?,
            obligations: f.messages("obligations")?,
            retry_after: f.count("retry_after")?,
            set: f.text("set")?,
            id: f.text("id")?,
            enforced: f.boolean("enforced")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.message("decision", &self.decision);
        o.text("code", &self.code);
        o.text("rule", &self.rule);
        o.text("policy", &self.policy);
        o.text("reason", &self.reason);
        o.texts("warnings", &self.warnings);
        o.messages("judges", &self.judges);
        o.messages("obligations", &self.obligations);
        if self.retry_after != 0 {
            o.integer("retry_after", self.retry_after);
        }
        o.text("set", &self.set);
        o.text("id", &self.id);
        o.boolean("enforced", self.enforced);
        o.close();
    }
}

/// ScoreRequest is what a reward plugin's export `score` is given: who acted, what was decided, what came of it.
#[derive(Clone, Debug, Default)]
pub struct ScoreRequest<'a> {
    /// `abi`
    pub abi: Abi,
    /// the request's agent, an object
    pub agent: Agent<'a>,
    /// `verdict`
    pub verdict: Verdict,
    /// `outcome`
    pub outcome: Outcome,
}

impl<'a> Message<'a> for ScoreRequest<'a> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "score request", how)?;
        let out = ScoreRequest {
            abi: f.version("abi")?,
            agent: f.part("agent")?,
            verdict: f.message("verdict")?,
            outcome: f.message("outcome")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.integer("abi", self.abi);
        o.message("agent", &self.agent);
        o.message("verdict", &self.verdict);
        o.message("outcome", &self.outcome);
        o.close();
    }
}

/// Score is a reward plugin's answer: by how much the agent's trust score (0-1000) changes, and why. The host clamps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Score {
    /// `delta`
    pub delta: i64,
    /// `reasons`
    pub reasons: Vec<String>,
}

impl<'a> Message<'a> for Score {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "score", how)?;
        let out = Score { delta: f.delta("delta")?, reasons: f.all_texts("reasons")? };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.integer("delta", self.delta);
        o.texts("reasons", &self.reasons);
        o.close();
    }
}

/// Manifest says what a module is, as plugin.yaml beside its source does.
#[derive(Clone, Debug, Default)]
pub struct Manifest<'a> {
    /// scope/name, segments of a-z 0-9 . -
    pub name: String,
    /// semver; a local policy's digest
    pub version: String,
    /// `kind`
    pub kind: String,
    /// `abi`
    pub abi: Abi,
    /// `publisher`
    pub publisher: String,
    /// `description`
    pub description: String,
    /// JSON Schema of the settings, or missing
    pub settings: Value<'a>,
    /// `effects`
    pub effects: Vec<String>,
    /// RFC 3339, or empty
    pub effective_from: String,
    /// `effective_until`
    pub effective_until: String,
    /// `citations`
    pub citations: Vec<String>,
    /// `entry`
    pub entry: String,
    /// `stages`
    pub stages: Vec<String>,
    /// 64 KiB each; 0: the host's default
    pub memory_pages: u64,
    /// 0: the host's default
    pub fuel: u64,
}

impl<'a> Message<'a> for Manifest<'a> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "manifest", how)?;
        let out = Manifest {
            name: f.scoped_name("name")?,
            version: f.semver("version")?,
            kind: f.plugin_kind("kind")?,
            abi: f.version("abi")?,
            publisher: f.text("publisher")?,
            description: f.text("description")?,
            settings: f.schema("settings")?,
            effects: f.effects("effects")?,
            effective_from: f.text("effective_from")?,
            effective_until: f.text("effective_until")?,
            citations: f.texts("citations")?,
            entry: f.entry("entry")?,
            stages: f.stages("stages")?,
            memory_pages: f.pages("memory_pages")?,
            fuel: f.count("fuel")?,
        };
        f.end()?;
        crate::fields::check_manifest(&out)?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.text("name", &self.name);
        o.text("version", &self.version);
        o.text("kind", &self.kind);
        o.integer("abi", self.abi);
        if !self.publisher.is_empty() {
            o.text("publisher", &self.publisher);
        }
        if !self.description.is_empty() {
            o.text("description", &self.description);
        }
        if self.settings.exists() {
            o.value("settings", &self.settings);
        }
        if !self.effects.is_empty() {
            o.texts("effects", &self.effects);
        }
        if !self.effective_from.is_empty() {
            o.text("effective_from", &self.effective_from);
        }
        if !self.effective_until.is_empty() {
            o.text("effective_until", &self.effective_until);
        }
        if !self.citations.is_empty() {
            o.texts("citations", &self.citations);
        }
        if !self.entry.is_empty() {
            o.text("entry", &self.entry);
        }
        if !self.stages.is_empty() {
            o.texts("stages", &self.stages);
        }
        if self.memory_pages != 0 {
            o.integer("memory_pages", self.memory_pages);
        }
        if self.fuel != 0 {
            o.integer("fuel", self.fuel);
        }
        o.close();
    }
}

/// Want is what a case expects. A judge asked alone may abstain, warn or log, so any decision can be wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Want {
    /// `decision`
    pub decision: Decision,
    /// "": any
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// "": any
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// "": any
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// names of rules that must warn; empty: not compared
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl<'a> Message<'a> for Want {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "want", how)?;
        let out = Want {
            decision: f.decision("decision")?,
            code: f.text("code")?,
            rule: f.text("rule")?,
            policy: f.text("policy")?,
            warnings: f.texts("warnings")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.message("decision", &self.decision);
        if !self.code.is_empty() {
            o.text("code", &self.code);
        }
        if !self.rule.is_empty() {
            o.text("rule", &self.rule);
        }
        if !self.policy.is_empty() {
            o.text("policy", &self.policy);
        }
        if !self.warnings.is_empty() {
            o.texts("warnings", &self.warnings);
        }
        o.close();
    }
}

/// Case is one example of what a judge must answer: a module carries its cases in SectionCases, a policy or plugin in
/// cases.yaml beside its source, and both are of this shape.
///
/// ```text
/// [{"name":"…","request":{…},"settings":…,"want":{"decision":"…","code":"…","rule":"…","policy":"…","warnings":["…"]}}]
/// ```
///
/// Name, request and want.decision must be there. What want leaves out is not compared.
#[derive(Clone, Debug, Default)]
pub struct Case<'a> {
    /// `name`
    pub name: String,
    /// `request`
    pub request: Request<'a>,
    /// what the operator would set, or missing
    pub settings: Value<'a>,
    /// `want`
    pub want: Want,
}

impl<'a> Message<'a> for Case<'a> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "cases", how)?;
        let out = Case {
            name: f.filled("name")?,
            request: f.message("request")?,
            settings: f.take("settings")?,
            want: f.message("want")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.text("name", &self.name);
        o.message("request", &self.request);
        if self.settings.exists() {
            o.value("settings", &self.settings);
        }
        o.message("want", &self.want);
        o.close();
    }
}

/// WantScore is what a case expects of a score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WantScore {
    /// `delta`
    pub delta: i64,
    /// compared in order; empty: not compared
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl<'a> Message<'a> for WantScore {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "want", how)?;
        let out = WantScore { delta: f.whole("delta")?, reasons: f.texts("reasons")? };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.integer("delta", self.delta);
        if !self.reasons.is_empty() {
            o.texts("reasons", &self.reasons);
        }
        o.close();
    }
}

/// ScoreCase is one example of what a reward plugin must answer. It has a Case's shape with a score request for the
/// request and a score for what is wanted:
///
/// ```text
/// [{"name":"…","request":{"agent":{…},"verdict":{…},"outcome":{…}},"settings":…,"want":{"delta":18,"reasons":["…"]}}]
/// ```
///
/// Name, request and want.delta must be there; reasons left out are not compared.
#[derive(Clone, Debug, Default)]
pub struct ScoreCase<'a> {
    /// `name`
    pub name: String,
    /// `request`
    pub request: ScoreRequest<'a>,
    /// what the operator would set, or missing
    pub settings: Value<'a>,
    /// `want`
    pub want: WantScore,
}

impl<'a> Message<'a> for ScoreCase<'a> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "cases", how)?;
        let out = ScoreCase {
            name: f.filled("name")?,
            request: f.score_request("request")?,
            settings: f.take("settings")?,
            want: f.message("want")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.text("name", &self.name);
        o.message("request", &self.request);
        if self.settings.exists() {
            o.value("settings", &self.settings);
        }
        o.message("want", &self.want);
        o.close();
    }
}

/// Request is the facts about one action, gathered once. Each part is an object or missing; what is not known is absent,
/// not a default. Parts are values rather than structs because they are judged as given: a fact of an unexpected type
/// stays visible as such.
///
/// ```text
/// agent     did, name, sponsor, trust_score (0-1000), tier, capabilities, delegation_depth, asserted_by (config, caller, agents)
/// action    type (an open string; the host's own: read write delete execute network export api_call unknown),
///           tool, server, method, protocol, stage (pre_tool, post_tool)
/// tool      annotations and whatever else a tool says of itself
/// data      the arguments, and contains_pii, contains_secret (booleans), pii, secrets (lists of kinds)
/// resource  paths, outside_roots, sensitive, hosts, urls, sql [{verb,tables,where}], k8s {verb,resource,namespace,name},
///           command, local
/// context   time (RFC 3339 UTC with milliseconds, fixed width), session, environment
/// result    is_error, text, structured; at stage post_tool only
/// ```
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// `agent`
    pub agent: Agent<'a>,
    /// `action`
    pub action: Action<'a>,
    /// `tool`
    pub tool: Tool<'a>,
    /// `data`
    pub data: Data<'a>,
    /// `resource`
    pub resource: Resource<'a>,
    /// `context`
    pub context: Context<'a>,
    /// `result`
    pub result: ToolResult<'a>,
}

/// The names of a request's parts.
pub const PARTS: &[&str] = &["agent", "action", "tool", "data", "resource", "context", "result"];

impl<'a> Request<'a> {
    /// The part of that name; none if a request has no such part.
    pub fn part(&self, name: &str) -> Option<&Value<'a>> {
        match name {
            "agent" => Some(&self.agent),
            "action" => Some(&self.action),
            "tool" => Some(&self.tool),
            "data" => Some(&self.data),
            "resource" => Some(&self.resource),
            "context" => Some(&self.context),
            "result" => Some(&self.result),
            _ => None,
        }
    }
}

impl<'a> Message<'a> for Request<'a> {
    fn of(v: Value<'a>, how: Reading) -> Result<Self, Error> {
        let mut f = Fields::of(v, "request", how)?;
        f.optional_version("abi")?;
        let out = Request {
            agent: f.optional_part("agent")?,
            action: f.optional_part("action")?,
            tool: f.optional_part("tool")?,
            data: f.optional_part("data")?,
            resource: f.optional_part("resource")?,
            context: f.optional_part("context")?,
            result: f.optional_part("result")?,
        };
        f.end()?;
        Ok(out)
    }

    fn append(&self, out: &mut String) {
        let mut o = Object::open(out);
        o.integer("abi", VERSION);
        if self.agent.exists() {
            o.message("agent", &self.agent);
        }
        if self.action.exists() {
            o.message("action", &self.action);
        }
        if self.tool.exists() {
            o.message("tool", &self.tool);
        }
        if self.data.exists() {
            o.message("data", &self.data);
        }
        if self.resource.exists() {
            o.message("resource", &self.resource);
        }
        if self.context.exists() {
            o.message("context", &self.context);
        }
        if self.result.exists() {
            o.message("result", &self.result);
        }
        o.close();
    }
}

/// The part `agent` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Agent<'a>(pub Value<'a>);

impl<'a> Agent<'a> {
    /// `agent.did`
    pub fn did(&self) -> &Value<'a> {
        self.0.get("did")
    }

    /// `agent.name`
    pub fn name(&self) -> &Value<'a> {
        self.0.get("name")
    }

    /// `agent.sponsor`
    pub fn sponsor(&self) -> &Value<'a> {
        self.0.get("sponsor")
    }

    /// `agent.trust_score`
    pub fn trust_score(&self) -> &Value<'a> {
        self.0.get("trust_score")
    }

    /// `agent.tier`
    pub fn tier(&self) -> &Value<'a> {
        self.0.get("tier")
    }

    /// `agent.capabilities`
    pub fn capabilities(&self) -> &Value<'a> {
        self.0.get("capabilities")
    }

    /// `agent.delegation_depth`
    pub fn delegation_depth(&self) -> &Value<'a> {
        self.0.get("delegation_depth")
    }

    /// `agent.asserted_by`
    pub fn asserted_by(&self) -> &Value<'a> {
        self.0.get("asserted_by")
    }
}

impl<'a> std::ops::Deref for Agent<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Agent<'a> {
    fn from(v: Value<'a>) -> Self {
        Agent(v)
    }
}

impl<'a> Message<'a> for Agent<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Agent)
    }

    fn append(&self, out: &mut String) {
        crate::fields::append_shaped(
            out,
            &self.0,
            &["did", "name", "sponsor", "trust_score", "tier", "capabilities", "delegation_depth", "asserted_by"],
        );
    }
}

/// The part `action` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Action<'a>(pub Value<'a>);

impl<'a> Action<'a> {
    /// `action.type`
    pub fn r#type(&self) -> &Value<'a> {
        self.0.get("type")
    }

    /// `action.tool`
    pub fn tool(&self) -> &Value<'a> {
        self.0.get("tool")
    }

    /// `action.server`
    pub fn server(&self) -> &Value<'a> {
        self.0.get("server")
    }

    /// `action.method`
    pub fn method(&self) -> &Value<'a> {
        self.0.get("method")
    }

    /// `action.protocol`
    pub fn protocol(&self) -> &Value<'a> {
        self.0.get("protocol")
    }

    /// `action.stage`
    pub fn stage(&self) -> &Value<'a> {
        self.0.get("stage")
    }
}

impl<'a> std::ops::Deref for Action<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Action<'a> {
    fn from(v: Value<'a>) -> Self {
        Action(v)
    }
}

impl<'a> Message<'a> for Action<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Action)
    }

    fn append(&self, out: &mut String) {
        crate::fields::append_shaped(out, &self.0, &["type", "tool", "server", "method", "protocol", "stage"]);
    }
}

/// The part `tool` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Tool<'a>(pub Value<'a>);

impl<'a> std::ops::Deref for Tool<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Tool<'a> {
    fn from(v: Value<'a>) -> Self {
        Tool(v)
    }
}

impl<'a> Message<'a> for Tool<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Tool)
    }

    fn append(&self, out: &mut String) {
        json::append(out, &self.0);
    }
}

/// The part `data` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Data<'a>(pub Value<'a>);

impl<'a> std::ops::Deref for Data<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Data<'a> {
    fn from(v: Value<'a>) -> Self {
        Data(v)
    }
}

impl<'a> Message<'a> for Data<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Data)
    }

    fn append(&self, out: &mut String) {
        json::append(out, &self.0);
    }
}

/// The part `resource` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Resource<'a>(pub Value<'a>);

impl<'a> Resource<'a> {
    /// `resource.paths`
    pub fn paths(&self) -> &Value<'a> {
        self.0.get("paths")
    }

    /// `resource.outside_roots`
    pub fn outside_roots(&self) -> &Value<'a> {
        self.0.get("outside_roots")
    }

    /// `resource.sensitive`
    pub fn sensitive(&self) -> &Value<'a> {
        self.0.get("sensitive")
    }

    /// `resource.hosts`
    pub fn hosts(&self) -> &Value<'a> {
        self.0.get("hosts")
    }

    /// `resource.urls`
    pub fn urls(&self) -> &Value<'a> {
        self.0.get("urls")
    }

    /// `resource.sql`
    pub fn sql(&self) -> &Value<'a> {
        self.0.get("sql")
    }

    /// `resource.k8s`
    pub fn k8s(&self) -> &Value<'a> {
        self.0.get("k8s")
    }

    /// `resource.command`
    pub fn command(&self) -> &Value<'a> {
        self.0.get("command")
    }

    /// `resource.local`
    pub fn local(&self) -> &Value<'a> {
        self.0.get("local")
    }
}

impl<'a> std::ops::Deref for Resource<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Resource<'a> {
    fn from(v: Value<'a>) -> Self {
        Resource(v)
    }
}

impl<'a> Message<'a> for Resource<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Resource)
    }

    fn append(&self, out: &mut String) {
        crate::fields::append_shaped(
            out,
            &self.0,
            &["paths", "outside_roots", "sensitive", "hosts", "urls", "sql", "k8s", "command", "local"],
        );
    }
}

/// The part `context` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct Context<'a>(pub Value<'a>);

impl<'a> Context<'a> {
    /// `context.time`
    pub fn time(&self) -> &Value<'a> {
        self.0.get("time")
    }

    /// `context.session`
    pub fn session(&self) -> &Value<'a> {
        self.0.get("session")
    }

    /// `context.environment`
    pub fn environment(&self) -> &Value<'a> {
        self.0.get("environment")
    }
}

impl<'a> std::ops::Deref for Context<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for Context<'a> {
    fn from(v: Value<'a>) -> Self {
        Context(v)
    }
}

impl<'a> Message<'a> for Context<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(Context)
    }

    fn append(&self, out: &mut String) {
        crate::fields::append_shaped(out, &self.0, &["time", "session", "environment"]);
    }
}

/// The part `result` of a request: an object or missing, with the members of a [`Value`].
#[derive(Clone, Debug, Default)]
pub struct ToolResult<'a>(pub Value<'a>);

impl<'a> ToolResult<'a> {
    /// `result.is_error`
    pub fn is_error(&self) -> &Value<'a> {
        self.0.get("is_error")
    }

    /// `result.text`
    pub fn text(&self) -> &Value<'a> {
        self.0.get("text")
    }

    /// `result.structured`
    pub fn structured(&self) -> &Value<'a> {
        self.0.get("structured")
    }
}

impl<'a> std::ops::Deref for ToolResult<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.0
    }
}

impl<'a> From<Value<'a>> for ToolResult<'a> {
    fn from(v: Value<'a>) -> Self {
        ToolResult(v)
    }
}

impl<'a> Message<'a> for ToolResult<'a> {
    fn of(v: Value<'a>, _: Reading) -> Result<Self, Error> {
        crate::fields::object(v).map(ToolResult)
    }

    fn append(&self, out: &mut String) {
        crate::fields::append_shaped(out, &self.0, &["is_error", "text", "structured"]);
    }
}
