//! What a policy answers.

use crate::{Decision, Error, Finding, Obligation};
use std::fmt::Display;

/// A policy's answer: its findings. None of them abstains, which decides nothing and lets others decide.
///
/// ```
/// use agentmesh_pdk::{Finding, Findings};
///
/// let mut findings = Findings::none();
/// findings.push(Finding::deny("no-export").reason("personal data may not leave"));
/// findings.push(Finding::allow("api").limit("100/hour"));
/// assert_eq!(findings.iter().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    /// Nothing to say.
    pub fn none() -> Self {
        Findings::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// The findings in the order they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// The finding that a policy asked alone comes down to: a deny before an approval, that before an allow, then a
    /// warning, then a note; among equals the highest priority, then the first.
    pub fn strongest(&self) -> Option<&Finding> {
        let rank = |f: &Finding| (std::cmp::Reverse(f.decision as u8), f.priority);
        self.0.iter().reduce(|best, f| if rank(f) > rank(best) { f } else { best })
    }
}

impl From<Finding> for Findings {
    fn from(f: Finding) -> Self {
        Findings(vec![f])
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Findings(findings.into_iter().collect())
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.0.extend(findings);
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Finding;
    type IntoIter = std::slice::Iter<'f, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Finding {
    /// A finding of any decision by the named rule.
    pub fn new(decision: Decision, rule: impl Into<String>) -> Self {
        Finding { decision, rule: rule.into(), ..Finding::default() }
    }

    /// Forbids the action.
    pub fn deny(rule: impl Into<String>) -> Self {
        Finding::new(Decision::Deny, rule)
    }

    /// Lets a human decide.
    pub fn require_approval(rule: impl Into<String>) -> Self {
        Finding::new(Decision::RequireApproval, rule)
    }

    /// Allows the action, unless another judge forbids it.
    pub fn allow(rule: impl Into<String>) -> Self {
        Finding::new(Decision::Allow, rule)
    }

    /// Decides nothing and stands among the verdict's warnings.
    pub fn warn(rule: impl Into<String>) -> Self {
        Finding::new(Decision::Warn, rule)
    }

    /// Decides nothing and is recorded.
    pub fn log(rule: impl Into<String>) -> Self {
        Finding::new(Decision::Log, rule)
    }

    /// Says why, for people. It stands in ledgers: no secrets.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Among findings of one decision the highest priority gives the verdict its rule and reason.
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// Counts the action against a limit such as `100/hour`.
    pub fn limit(mut self, limit: impl Into<String>) -> Self {
        let rule = self.rule.clone();
        self.obligations.push(Obligation::Limit { rule, limit: limit.into() });
        self
    }

    /// Names who may approve; without it anyone the operator lets.
    pub fn approvers<S: Into<String>>(mut self, approvers: impl IntoIterator<Item = S>) -> Self {
        let rule = self.rule.clone();
        self.obligations.push(Obligation::Approval { rule, approvers: approvers.into_iter().map(S::into).collect() });
        self
    }

    /// Keeps paths such as `data.card` out of ledger and logs.
    pub fn redact<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        let rule = self.rule.clone();
        self.obligations.push(Obligation::Redact { rule, paths: paths.into_iter().map(S::into).collect() });
        self
    }
}

/// What a policy function may return: findings, one, perhaps one, or a failure, which denies.
pub trait Answer {
    /// The findings, or why there are none.
    fn findings(self) -> Result<Findings, Error>;
}

impl Answer for Findings {
    fn findings(self) -> Result<Findings, Error> {
        Ok(self)
    }
}

impl Answer for Vec<Finding> {
    fn findings(self) -> Result<Findings, Error> {
        Ok(Findings(self))
    }
}

impl Answer for Finding {
    fn findings(self) -> Result<Findings, Error> {
        Ok(self.into())
    }
}

impl Answer for Option<Finding> {
    fn findings(self) -> Result<Findings, Error> {
        Ok(self.into_iter().collect())
    }
}

impl<T: Answer, E: Display> Answer for Result<T, E> {
    fn findings(self) -> Result<Findings, Error> {
        self.map_err(|e| Error::new(e.to_string()))?.findings()
    }
}
