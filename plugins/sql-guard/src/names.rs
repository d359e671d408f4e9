//! What a table's or function's name reaches.

use crate::dialect::Dialect;
use crate::settings::Settings;
use sqlparser::ast::{Ident, ObjectName};

/// The functions that read another database, a file or an address, one a line.
const FOREIGN_FUNCTIONS: &str = include_str!("../foreign_functions.txt");

/// Metadata and scratch of the database itself.
const HOME: [&str; 4] = ["information_schema", "main", "temp", "pg_catalog"];

/// Why a table lies elsewhere, if it does.
pub fn foreign_table(name: &ObjectName, dialect: Dialect, settings: &Settings) -> Option<String> {
    let Some(parts) = parts(name, dialect) else {
        return Some("a table's name is computed".to_owned());
    };
    if let Some(file) = parts.iter().find(|p| is_file(&p.1, p.0, dialect)) {
        return Some(format!("{} is a file or a stage, and no table", quote(&file.0.value)));
    }
    let outside = parts.len().saturating_sub(dialect.parts_within());
    foreign(parts[..outside].iter().map(|p| p.1.as_str()), settings)
}

/// Why a database named by a statement is another one, if it is.
pub fn foreign_database(name: &ObjectName, dialect: Dialect, settings: &Settings) -> Option<String> {
    match parts(name, dialect) {
        Some(parts) => foreign(parts.iter().map(|p| p.1.as_str()), settings),
        None => Some("a database's name is computed".to_owned()),
    }
}

fn foreign<'n>(mut names: impl Iterator<Item = &'n str>, settings: &Settings) -> Option<String> {
    let home = |n: &&str| n.is_empty() || HOME.iter().any(|h| h.eq_ignore_ascii_case(n)) || settings.allows_database(n);
    names.find(|n| !home(n)).map(|n| format!("the database {} is not among those that may be read", quote(n)))
}

/// The parts of a name; none where one is computed. BigQuery takes several parts in one pair of quotes.
fn parts(name: &ObjectName, dialect: Dialect) -> Option<Vec<(&Ident, String)>> {
    let mut out = Vec::new();
    for part in &name.0 {
        let ident = part.as_ident()?;
        match dialect {
            Dialect::BigQuery => out.extend(ident.value.split('.').map(|p| (ident, p.to_owned()))),
            _ => out.push((ident, ident.value.clone())),
        }
    }
    Some(out)
}

/// Whether a name where a table is expected is read as a file by the dialect.
fn is_file(part: &str, ident: &Ident, dialect: Dialect) -> bool {
    match dialect {
        Dialect::DuckDb => ident.quote_style == Some('\'') || part.contains(['/', '.', '\\']),
        Dialect::Databricks | Dialect::Hive => part.contains('/'),
        Dialect::Snowflake => part.starts_with('@') || ident.quote_style == Some('\''),
        _ => ident.quote_style == Some('\''),
    }
}

/// Why a function reaches elsewhere, if it does.
pub fn foreign_function(name: &ObjectName) -> Option<String> {
    let last = name.0.last()?.as_ident()?.value.to_lowercase();
    let known = FOREIGN_FUNCTIONS.lines().any(|f| f == last);
    known.then(|| format!("the function {} reads another database, a file or an address", quote(&last)))
}

/// Words that begin a statement, wherever SQL Server sees them without quotes: it needs nothing between two statements.
const BEGINNINGS: [&str; 10] =
    ["alter", "create", "delete", "drop", "exec", "execute", "grant", "merge", "revoke", "update"];

/// More of them, which other databases take for names and functions.
const MORE_BEGINNINGS: [&str; 15] = [
    "backup",
    "bulk",
    "dbcc",
    "declare",
    "deny",
    "insert",
    "kill",
    "print",
    "raiserror",
    "reconfigure",
    "restore",
    "set",
    "shutdown",
    "truncate",
    "use",
];

/// Whether a name may be the next statement's first word.
pub fn begins_statement(name: &Ident, dialect: Dialect) -> bool {
    let among = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(&name.value));
    name.quote_style.is_none()
        && match dialect {
            Dialect::Generic => among(&BEGINNINGS),
            Dialect::MsSql => among(&BEGINNINGS) || among(&MORE_BEGINNINGS),
            _ => false,
        }
}

/// A name as a reason may hold it: short, and without what would break a line.
fn quote(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("\"{clean}\"")
}
