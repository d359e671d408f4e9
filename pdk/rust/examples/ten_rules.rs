//! Ten rules and settings: what a policy of usual size costs.

use agentmesh_pdk::{Decision, Finding, Findings, Request, policy};

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    least_trust: i64,
    approvers: Vec<String>,
    hosts: Vec<String>,
    on_export: Decision,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { least_trust: 300, approvers: Vec::new(), hosts: Vec::new(), on_export: Decision::Deny }
    }
}

#[policy]
fn decide(request: Request, settings: &Settings) -> Findings {
    let mut out = Findings::none();
    let (agent, action, data) = (&request.agent, &request.action, &request.data);
    let kind = action.r#type().text();
    if kind == "export" && data.get("contains_pii").is_true() {
        out.push(Finding::new(settings.on_export, "no-pii-export").reason("personal data may not leave").priority(90));
    }
    if data.get("contains_secret").is_true() {
        out.push(Finding::deny("no-secrets").reason("a secret is no argument").priority(100));
    }
    if request.resource.outside_roots().is_true() {
        out.push(Finding::deny("inside-roots").reason("the path lies outside the server's roots"));
    }
    if request.resource.sensitive().is_true() && kind != "read" {
        out.push(Finding::require_approval("sensitive").approvers(settings.approvers.iter().cloned()));
    }
    if agent.trust_score().int().is_some_and(|score| score < settings.least_trust) {
        out.push(Finding::require_approval("trust").reason("the agent's score is too low"));
    }
    if agent.delegation_depth().int().is_some_and(|depth| depth > 2) {
        out.push(Finding::deny("delegation").reason("delegated too often"));
    }
    if let Some(host) = request.resource.hosts().strs().find(|h| !settings.hosts.iter().any(|known| known == h)) {
        out.push(Finding::warn("unknown-host").reason(format!("the host {host} is not listed")));
    }
    if kind == "delete" && request.context.environment() == "prod" {
        out.push(Finding::require_approval("delete-in-prod").reason("production is deleted by two"));
    }
    if data.get("limit").int().is_some_and(|n| n > 10_000) {
        out.push(Finding::log("large").reason("more than ten thousand rows"));
    }
    if kind == "read" && agent.capabilities().strs().any(|c| c == "read:data") {
        out.push(Finding::allow("readers-read").limit("1000/hour").redact(["data.card"]));
    }
    out
}
