//! The dialects, and what a name's parts mean in each.

use serde::Deserialize;
use sqlparser::dialect as parsers;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// What most databases take; differences between them stay open.
    #[default]
    Generic,
    Ansi,
    BigQuery,
    ClickHouse,
    Databricks,
    DuckDb,
    Hive,
    MsSql,
    MySql,
    Oracle,
    Postgres,
    Redshift,
    Snowflake,
    Sqlite,
    Teradata,
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Generic => "generic",
            Dialect::Ansi => "ansi",
            Dialect::BigQuery => "bigquery",
            Dialect::ClickHouse => "clickhouse",
            Dialect::Databricks => "databricks",
            Dialect::DuckDb => "duckdb",
            Dialect::Hive => "hive",
            Dialect::MsSql => "mssql",
            Dialect::MySql => "mysql",
            Dialect::Oracle => "oracle",
            Dialect::Postgres => "postgres",
            Dialect::Redshift => "redshift",
            Dialect::Snowflake => "snowflake",
            Dialect::Sqlite => "sqlite",
            Dialect::Teradata => "teradata",
        }
    }

    pub fn parser(self) -> &'static dyn parsers::Dialect {
        match self {
            Dialect::Generic => &parsers::GenericDialect {},
            Dialect::Ansi => &parsers::AnsiDialect {},
            Dialect::BigQuery => &parsers::BigQueryDialect {},
            Dialect::ClickHouse => &parsers::ClickHouseDialect {},
            Dialect::Databricks => &parsers::DatabricksDialect {},
            Dialect::DuckDb => &parsers::DuckDbDialect {},
            Dialect::Hive => &parsers::HiveDialect {},
            Dialect::MsSql => &parsers::MsSqlDialect {},
            Dialect::MySql => &parsers::MySqlDialect {},
            Dialect::Oracle => &parsers::OracleDialect {},
            Dialect::Postgres => &parsers::PostgreSqlDialect {},
            Dialect::Redshift => &parsers::RedshiftSqlDialect {},
            Dialect::Snowflake => &parsers::SnowflakeDialect {},
            Dialect::Sqlite => &parsers::SQLiteDialect {},
            Dialect::Teradata => &parsers::TeradataDialect {},
        }
    }

    /// How many last parts of a table's name stay within one database: `schema.table` in most, `table` where a schema is
    /// the database.
    pub fn parts_within(self) -> usize {
        match self {
            Dialect::ClickHouse | Dialect::Databricks | Dialect::Hive | Dialect::MySql | Dialect::Sqlite => 1,
            Dialect::Teradata | Dialect::BigQuery => 1,
            _ => 2,
        }
    }
}
