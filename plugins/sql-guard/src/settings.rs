//! What the operator sets, and the findings that follow from it.

use crate::dialect::Dialect;
use agentmesh_pdk::Finding;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings; `plugin.yaml` holds their schema.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The dialect of every server that `dialects` does not name.
    pub dialect: Dialect,
    /// Dialects by the server's name.
    pub dialects: BTreeMap<String, Dialect>,
    /// The names of arguments that hold SQL.
    pub arguments: Vec<String>,
    /// The databases that may be named, in lower case or not. Names without a database always may.
    pub databases: Vec<String>,
    /// What follows from what.
    pub rules: Rules,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dialect: Dialect::default(),
            dialects: BTreeMap::new(),
            arguments: ["sql", "query", "queries", "statement", "statements"].map(str::to_owned).into(),
            databases: Vec::new(),
            rules: Rules::default(),
        }
    }
}

impl Settings {
    pub fn dialect_of(&self, server: &str) -> Dialect {
        self.dialects.get(server).copied().unwrap_or(self.dialect)
    }

    pub fn allows_database(&self, name: &str) -> bool {
        self.databases.iter().any(|d| d.eq_ignore_ascii_case(name))
    }
}

/// What to do about each thing found.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    pub write_without_where: Act,
    pub schema_change: Act,
    pub cross_database_read: Act,
    pub other_statement: Act,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            write_without_where: Act::Deny,
            schema_change: Act::RequireApproval,
            cross_database_read: Act::Deny,
            other_statement: Act::Deny,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Deny,
    RequireApproval,
    Warn,
    Log,
    Off,
}

/// Something found in a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    WriteWithoutWhere,
    SchemaChange,
    CrossDatabaseRead,
    OtherStatement,
}

impl Rule {
    pub fn finding(self, settings: &Settings, reason: String) -> Option<Finding> {
        let rules = &settings.rules;
        let (name, act) = match self {
            Rule::WriteWithoutWhere => ("write-without-where", rules.write_without_where),
            Rule::SchemaChange => ("schema-change", rules.schema_change),
            Rule::CrossDatabaseRead => ("cross-database-read", rules.cross_database_read),
            Rule::OtherStatement => ("other-statement", rules.other_statement),
        };
        let finding = match act {
            Act::Deny => Finding::deny(name),
            Act::RequireApproval => Finding::require_approval(name),
            Act::Warn => Finding::warn(name),
            Act::Log => Finding::log(name),
            Act::Off => return None,
        };
        Some(finding.reason(reason))
    }
}

/// SQL that cannot be read could be anything, so no setting turns this off.
pub fn unparsable(dialect: Dialect, why: &str) -> Finding {
    Finding::deny("unparsable").priority(10).reason(format!("the SQL cannot be read as {}: {why}", dialect.name()))
}

/// The host found SQL where these settings do not look.
pub fn unseen() -> Finding {
    Finding::deny("sql-not-found").reason("the host found SQL in an argument that the settings do not name")
}
