//! What a text's statements do.

use crate::dialect::Dialect;
use crate::settings::{self, Rule, Settings};
use crate::{MAX_TEXT, names};
use agentmesh_pdk::Finding;
use sqlparser::ast::{
    BinaryOperator, CopySource, CopyTarget, Expr, FromTable, Ident, Insert, Merge, MergeAction, MergeClauseKind,
    ObjectName, Select, Set, ShowStatementOptions, Statement, TableFactor, UnaryOperator, Use, Visit, Visitor,
    visit_expressions,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use std::ops::ControlFlow;

/// How deep expressions and queries may nest; the stack holds more than that.
const MAX_NESTING: usize = 50;

/// Comments that some servers run as code.
const LIVE_COMMENTS: [&str; 3] = ["/*!", "/*M!", "/*T!"];

/// The statements that only look at SQLite's own state, when nothing is assigned.
const READING_PRAGMAS: [&str; 12] = [
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "module_list",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// The findings about all statements of a text: one for each rule that is met, and one if the text cannot be read to its
/// end. What the parser says is not repeated, for it may hold the text.
pub fn judge(text: &str, dialect: Dialect, settings: &Settings) -> Vec<Finding> {
    let mut judge = Judge { dialect, settings, explained: 0, number: 0, found: Vec::new() };
    let unread = judge.text(text).err();
    let found = judge.found.into_iter().filter_map(|f| f.finding(settings));
    found.chain(unread.map(|why| settings::unparsable(dialect, why))).collect()
}

/// Why a text is not given to the parser.
fn unfit(text: &str) -> Option<&'static str> {
    if text.len() > MAX_TEXT {
        Some("it is longer than 256 KiB")
    } else if text.contains('\0') {
        Some("it holds a NUL, where some readers stop")
    } else if LIVE_COMMENTS.iter().any(|c| text.contains(c)) {
        Some("it holds a comment that some servers run")
    } else {
        None
    }
}

fn unread(e: ParserError) -> &'static str {
    match e {
        ParserError::RecursionLimitExceeded => "it is nested too deeply",
        _ => "the parser refuses it",
    }
}

/// A rule that is met: where first, why, and how many statements more.
struct Found {
    rule: Rule,
    number: usize,
    why: String,
    last: usize,
    more: usize,
}

impl Found {
    fn finding(self, settings: &Settings) -> Option<Finding> {
        let more = if self.more > 0 { format!(" (and {} statements more)", self.more) } else { String::new() };
        self.rule.finding(settings, format!("statement {}: {}{more}", self.number, self.why))
    }
}

/// Walks one statement and all within it.
struct Judge<'s> {
    dialect: Dialect,
    settings: &'s Settings,
    number: usize,    // of the statement in the text, from 1
    explained: usize, // statements around this one that only explain
    found: Vec<Found>,
}

impl Judge<'_> {
    /// Judges statement by statement, so that only one stands in memory.
    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        if let Some(why) = unfit(text) {
            return Err(why);
        }
        let parser = Parser::new(self.dialect.parser()).with_recursion_limit(MAX_NESTING);
        let mut parser = parser.try_with_sql(text).map_err(unread)?;
        loop {
            let mut ended = self.number == 0;
            while parser.consume_token(&Token::SemiColon) {
                ended = true;
            }
            match parser.peek_token_ref().token {
                Token::EOF if self.number == 0 => return Err("it holds no statement"),
                Token::EOF => return Ok(()),
                _ if !ended => return Err("a statement goes on where it should end"),
                _ => {}
            }
            let statement = parser.parse_statement().map_err(unread)?;
            self.number += 1;
            if statement.visit(self).is_break() {
                return Err("a name in it may be the beginning of another statement");
            }
        }
    }

    fn add(&mut self, rule: Rule, why: impl Into<String>) {
        // What is explained is not run, but explaining tells of other databases.
        let run = self.explained == 0 || rule == Rule::CrossDatabaseRead;
        match self.found.iter_mut().find(|f| f.rule == rule) {
            _ if !run => {}
            Some(f) if f.last == self.number => {}
            Some(f) => (f.last, f.more) = (self.number, f.more + 1),
            None => self.found.push(Found { rule, number: self.number, why: why.into(), last: self.number, more: 0 }),
        }
    }

    fn table(&mut self, name: &ObjectName) {
        if let Some(why) = names::foreign_table(name, self.dialect, self.settings) {
            self.add(Rule::CrossDatabaseRead, why);
        }
    }

    fn database(&mut self, name: &ObjectName) {
        if let Some(why) = names::foreign_database(name, self.dialect, self.settings) {
            self.add(Rule::CrossDatabaseRead, why);
        }
    }

    fn function(&mut self, name: &ObjectName) {
        if let Some(why) = names::foreign_function(name) {
            self.add(Rule::CrossDatabaseRead, why);
        }
    }

    fn condition(&mut self, verb: &str, condition: Option<&Expr>) {
        match condition {
            None => self.add(Rule::WriteWithoutWhere, format!("{verb} without a condition changes every row")),
            Some(e) if !restricts(e) => {
                self.add(Rule::WriteWithoutWhere, format!("{verb} has a condition that holds for every row"));
            }
            Some(_) => {}
        }
    }

    fn statement(&mut self, s: &Statement) {
        match s {
            Statement::Query(_) => {}
            Statement::Explain { analyze: false, options: None, .. } => self.explained += 1,
            Statement::Explain { .. } => {}
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(u) => self.condition("UPDATE", u.selection.as_ref()),
            Statement::Delete(d) => {
                let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &d.from;
                let joined = tables.iter().any(|t| !t.joins.is_empty()) || d.using.is_some();
                match (&d.selection, joined) {
                    // A join restricts by its own condition; which rows it leaves is not known.
                    (None, true) => self.add(Rule::WriteWithoutWhere, "DELETE of joined tables has no condition"),
                    (selection, _) => self.condition("DELETE", selection.as_ref()),
                }
            }
            Statement::Merge(merge) => self.merge(merge),
            Statement::Truncate(_) => self.add(Rule::WriteWithoutWhere, "TRUNCATE removes every row"),
            Statement::Copy { source, target, .. } => self.copy(source, target),
            _ if self.looks(s) => {}
            _ if changes_schema(s) => self.add(Rule::SchemaChange, "it changes the schema or who may do what"),
            _ => self.add(Rule::OtherStatement, "it is no read, write or schema change that this plugin knows"),
        }
    }

    fn insert(&mut self, insert: &Insert) {
        if insert.overwrite {
            self.add(Rule::WriteWithoutWhere, "INSERT OVERWRITE replaces every row");
        }
    }

    fn merge(&mut self, merge: &Merge) {
        if !restricts(&merge.on) {
            self.add(Rule::WriteWithoutWhere, "MERGE has a condition that holds for every row");
        }
        for clause in &merge.clauses {
            let alone = matches!(clause.clause_kind, MergeClauseKind::NotMatchedBySource);
            let writes = matches!(clause.action, MergeAction::Update(_) | MergeAction::Delete { .. });
            if alone && writes && !clause.predicate.as_ref().is_some_and(restricts) {
                self.add(Rule::WriteWithoutWhere, "MERGE changes every row that its source lacks");
            }
        }
    }

    fn copy(&mut self, source: &CopySource, target: &CopyTarget) {
        if let CopySource::Table { table_name, .. } = source {
            self.table(table_name);
        }
        if matches!(target, CopyTarget::File { .. } | CopyTarget::Program { .. }) {
            self.add(Rule::OtherStatement, "COPY reads or writes a file of the server, or runs a program");
        }
    }

    /// Whether a statement only looks, or only frames others. The databases that it names are judged here, for the walk
    /// does not come by them.
    fn looks(&mut self, s: &Statement) -> bool {
        match s {
            Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowVariable { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowCharset(_)
            | Statement::ShowCollation { .. }
            | Statement::Set(Set::SetNames { .. } | Set::SetNamesDefault {} | Set::SetTimeZone { .. })
            | Statement::Set(Set::SetTransaction { .. }) => {}
            Statement::ShowTables { show_options, .. }
            | Statement::ShowViews { show_options, .. }
            | Statement::ShowSchemas { show_options, .. } => self.shown(show_options, Judge::database),
            Statement::ShowColumns { show_options, .. } => self.shown(show_options, Judge::table),
            Statement::ShowCreate { obj_name, .. } => self.table(obj_name),
            Statement::ExplainTable { table_name, .. } => self.table(table_name),
            Statement::Use(Use::Database(name) | Use::Object(name) | Use::Catalog(name)) => self.database(name),
            Statement::Use(Use::Schema(_) | Use::Default) => {}
            Statement::AttachDatabase { .. } | Statement::AttachDuckDBDatabase { .. } => {
                self.add(Rule::CrossDatabaseRead, "ATTACH opens another database");
            }
            Statement::Pragma { name, is_eq: false, .. } => return reads_pragma(name),
            _ => return false,
        }
        true
    }

    fn shown(&mut self, options: &ShowStatementOptions, judge: fn(&mut Self, &ObjectName)) {
        if let Some(name) = options.show_in.as_ref().and_then(|i| i.parent_name.as_ref()) {
            judge(self, name);
        }
    }
}

impl Visitor for Judge<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, s: &Statement) -> ControlFlow<()> {
        self.statement(s);
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, s: &Statement) -> ControlFlow<()> {
        if matches!(s, Statement::Explain { analyze: false, options: None, .. }) {
            self.explained -= 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, s: &Select) -> ControlFlow<()> {
        if s.into.is_some() {
            self.add(Rule::SchemaChange, "SELECT INTO makes a table");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_ident(&mut self, name: &Ident) -> ControlFlow<()> {
        match names::begins_statement(name, self.dialect) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.table(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, t: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Function { name, .. } | TableFactor::Table { name, args: Some(_), .. } = t {
            self.function(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, e: &Expr) -> ControlFlow<()> {
        if let Expr::Function(f) = e {
            self.function(&f.name);
        }
        ControlFlow::Continue(())
    }
}

fn reads_pragma(name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|p| p.as_ident());
    last.is_some_and(|i| READING_PRAGMAS.iter().any(|p| p.eq_ignore_ascii_case(&i.value)))
}

/// Whether a condition can leave rows out. It is no proof: a condition that happens to hold for every row is not found
/// out, one that must hold is.
fn restricts(e: &Expr) -> bool {
    match e {
        Expr::Nested(inner) => restricts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => restricts(left) || restricts(right),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => restricts(left) && restricts(right),
        Expr::BinaryOp { left, op, right } => !(same(op) && left == right) && reads_column(e),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } if matches!(**expr, Expr::Nested(_)) => reads_column(expr),
        _ => reads_column(e),
    }
}

/// Whether the operator holds between a value and itself, null aside.
fn same(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq | BinaryOperator::Spaceship)
}

fn reads_column(e: &Expr) -> bool {
    visit_expressions(e, |e| match e {
        Expr::Identifier(Ident { value, quote_style: None, .. }) if is_word(value) => ControlFlow::Continue(()),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

/// Words that some dialects read as a value where others see a name.
fn is_word(name: &str) -> bool {
    ["true", "false", "null", "unknown", "on", "off", "yes", "no"].iter().any(|w| w.eq_ignore_ascii_case(name))
}

/// Whether a statement changes what tables there are, what they look like, or who may do what.
fn changes_schema(s: &Statement) -> bool {
    use Statement as S;
    matches!(
        s,
        S::CreateView(_)
            | S::CreateTable(_)
            | S::CreateVirtualTable { .. }
            | S::CreateIndex(_)
            | S::CreateRole(_)
            | S::CreateSecret { .. }
            | S::CreateServer(_)
            | S::CreatePolicy(_)
            | S::CreateConnector(_)
            | S::CreateOperator(_)
            | S::CreateOperatorFamily(_)
            | S::CreateOperatorClass(_)
            | S::CreateTextSearch(_)
            | S::CreateExtension(_)
            | S::CreateCollation(_)
            | S::CreateSchema { .. }
            | S::CreateDatabase { .. }
            | S::CreateFunction(_)
            | S::CreateTrigger(_)
            | S::CreateProcedure { .. }
            | S::CreateMacro { .. }
            | S::CreateStage { .. }
            | S::CreateFileFormat { .. }
            | S::CreateWarehouse(_)
            | S::CreateSequence { .. }
            | S::CreateDomain(_)
            | S::CreateType { .. }
            | S::CreateUser(_)
    ) || matches!(
        s,
        S::AlterTable(_)
            | S::AlterSchema(_)
            | S::AlterIndex { .. }
            | S::AlterView { .. }
            | S::AlterFunction(_)
            | S::AlterType(_)
            | S::AlterCollation(_)
            | S::AlterOperator(_)
            | S::AlterOperatorFamily(_)
            | S::AlterOperatorClass(_)
            | S::AlterTextSearch(_)
            | S::AlterRole { .. }
            | S::AlterPolicy(_)
            | S::AlterConnector { .. }
            | S::AlterUser(_)
            | S::Drop { .. }
            | S::DropFunction(_)
            | S::DropDomain(_)
            | S::DropProcedure { .. }
            | S::DropSecret { .. }
            | S::DropPolicy(_)
            | S::DropConnector { .. }
            | S::DropExtension(_)
            | S::DropOperator(_)
            | S::DropOperatorFamily(_)
            | S::DropOperatorClass(_)
            | S::DropTrigger(_)
            | S::RenameTable(_)
            | S::Comment { .. }
            | S::Grant(_)
            | S::Deny(_)
            | S::Revoke(_)
    )
}
