//! The golden cases natively, and what they leave out.

use agentmesh_pdk::testing;
use sql_guard::evaluate;

#[test]
fn cases() {
    let n = testing::check_cases(evaluate, include_str!("../cases.json")).unwrap_or_else(|e| panic!("{e}"));
    assert!(n > 40, "only {n} cases were read");
}

/// The rules that a text meets in a dialect.
fn rules(dialect: &str, sql: &str) -> Vec<String> {
    let sql = sql.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let request = format!(r#"{{"abi":1,"data":{{"sql":"{sql}"}}}}"#);
    let settings = format!(r#"{{"dialect":"{dialect}"}}"#);
    let findings = testing::findings(evaluate, &request, Some(&settings)).unwrap_or_else(|e| panic!("{sql}: {e}"));
    findings.iter().map(|f| f.rule.clone()).collect()
}

const DIALECTS: [&str; 15] = [
    "generic",
    "ansi",
    "bigquery",
    "clickhouse",
    "databricks",
    "duckdb",
    "hive",
    "mssql",
    "mysql",
    "oracle",
    "postgres",
    "redshift",
    "snowflake",
    "sqlite",
    "teradata",
];

#[test]
fn every_dialect_reads_the_plain_statements() {
    for d in DIALECTS {
        for sql in ["SELECT a, b FROM t WHERE c = 1", "DELETE FROM t WHERE a = 1", "UPDATE t SET a = 1 WHERE b = 2"] {
            assert_eq!(rules(d, sql), [""; 0], "{d}: {sql}");
        }
        assert_eq!(rules(d, "DELETE FROM t"), ["write-without-where"], "{d}");
        assert_eq!(rules(d, "DROP TABLE t"), ["schema-change"], "{d}");
        assert_eq!(rules(d, "SELECT FROM WHERE x x x"), ["unparsable"], "{d}");
    }
}

#[test]
fn conditions_that_hold_for_every_row() {
    for w in [
        "1",
        "1=1",
        "TRUE",
        "NOT FALSE",
        "('a' = 'a')",
        "1 = 1 AND 2 = 2",
        "id = 1 OR 1 = 1",
        "1 < 2 OR id = 1",
        "id = id",
        "t.id >= t.id",
        "NULL IS NULL",
        "'a' LIKE '%'",
        "1 IN (1, 2)",
        "2 BETWEEN 1 AND 3",
        "length('a') = 1",
        "EXISTS (SELECT 1)",
        "CASE WHEN TRUE THEN TRUE ELSE FALSE END",
    ] {
        assert_eq!(rules("postgres", &format!("DELETE FROM t WHERE {w}")), ["write-without-where"], "{w}");
    }
    for w in ["id = 1", "id = 1 AND TRUE", "NOT (id = 1)", "id IN (1, 2)", "name LIKE 'a%'", "a = 1 OR b = 2", "ok"] {
        assert_eq!(rules("postgres", &format!("DELETE FROM t WHERE {w}")), [""; 0], "{w}");
    }
}

#[test]
fn statements_within_statements() {
    for (dialect, sql, want) in [
        ("postgres", "WITH a AS (UPDATE t SET x = 1 RETURNING *) SELECT * FROM a", "write-without-where"),
        ("postgres", "WITH a AS (SELECT 1) DELETE FROM t", "write-without-where"),
        ("postgres", "EXPLAIN (ANALYZE) DELETE FROM t", "write-without-where"),
        ("postgres", "PREPARE p AS DELETE FROM t", "write-without-where"),
        ("postgres", "EXPLAIN SELECT * FROM x.y.z", "cross-database-read"),
        ("postgres", "SELECT (SELECT max(a) FROM x.y.z)", "cross-database-read"),
        ("postgres", "SELECT a FROM t UNION SELECT b FROM x.y.z", "cross-database-read"),
        ("postgres", "INSERT INTO t SELECT * FROM x.y.z", "cross-database-read"),
        ("postgres", "DELETE FROM t USING x.y.z WHERE t.id = z.id", "cross-database-read"),
        ("postgres", "SELECT pg_read_file('/etc/passwd')", "cross-database-read"),
        ("postgres", "COPY x.y.z TO STDOUT", "cross-database-read"),
        ("mysql", "SHOW TABLES FROM payroll", "cross-database-read"),
        ("mysql", "SELECT LOAD_FILE('/etc/passwd')", "cross-database-read"),
        ("mssql", "SELECT * FROM payroll..salaries", "cross-database-read"),
        ("mssql", "SELECT * FROM far.payroll.dbo.salaries", "cross-database-read"),
        ("bigquery", "SELECT * FROM `other-project.set.t`", "cross-database-read"),
        ("duckdb", "SELECT * FROM read_csv('x.csv')", "cross-database-read"),
        ("clickhouse", "SELECT * FROM url('http://evil', CSV)", "cross-database-read"),
        ("databricks", "SELECT * FROM parquet.`/mnt/x`", "cross-database-read"),
        ("snowflake", "SELECT * FROM @stage", "cross-database-read"),
        ("snowflake", "SELECT * FROM IDENTIFIER('x.y.z')", "cross-database-read"),
        ("sqlite", "PRAGMA journal_mode = 'off'", "other-statement"),
        ("sqlite", "PRAGMA writable_schema", "other-statement"),
        ("mysql", "KILL 5", "other-statement"),
        ("mysql", "SET GLOBAL general_log = 'ON'", "other-statement"),
        ("hive", "INSERT OVERWRITE TABLE t SELECT * FROM s", "write-without-where"),
    ] {
        let got = rules(dialect, sql);
        assert!(got.iter().any(|r| r == want), "{dialect}: {sql}: got {got:?}, want {want}");
    }
    for (dialect, sql) in [
        ("sqlite", "PRAGMA table_info('t')"),
        ("sqlite", "SELECT * FROM main.t"),
        ("mysql", "SHOW TABLES"),
        ("mysql", "SELECT * FROM information_schema.tables"),
        ("postgres", "SHOW server_version"),
        ("postgres", "SELECT * FROM pg_catalog.pg_class"),
        ("mysql", "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2"),
        ("postgres", "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2"),
        ("bigquery", "SELECT * FROM `t`"),
    ] {
        assert_eq!(rules(dialect, sql), [""; 0], "{dialect}: {sql}");
    }
}

/// Frames of a debug build are large, so this has a thread of its own.
#[test]
fn what_would_cost_too_much_is_refused() {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(refusals).unwrap();
    thread.join().unwrap();
}

fn refusals() {
    for sql in [
        format!("SELECT {}1{}", "(".repeat(300), ")".repeat(300)),
        format!("SELECT {}1", "NOT ".repeat(10_000)),
        format!("SELECT {}1", "- ".repeat(10_000)),
        format!("SELECT '{}'", "a".repeat(256 << 10)),
        "SELECT 1\0; DROP TABLE t".replace('\0', "\\u0000"),
    ] {
        let request = format!(r#"{{"abi":1,"data":{{"sql":"{sql}"}}}}"#);
        let findings = testing::findings(evaluate, &request, None).unwrap();
        let rules: Vec<_> = findings.iter().map(|f| f.rule.as_str()).collect();
        assert_eq!(rules, ["unparsable"], "{}", &sql[..20]);
    }
}

#[test]
fn one_finding_for_each_rule() {
    let request =
        r#"{"abi":1,"data":{"sql":"SELECT 1; DELETE FROM a; DELETE FROM b; DROP TABLE c; DELETE FROM d; SELEKT"}}"#;
    let findings = testing::findings(evaluate, request, None).unwrap();
    let got: Vec<_> = findings.iter().map(|f| format!("{}: {}", f.rule, f.reason)).collect();
    assert_eq!(
        got,
        [
            "write-without-where: statement 2: DELETE without a condition changes every row (and 2 statements more)",
            "schema-change: statement 4: it changes the schema or who may do what",
            "unparsable: the SQL cannot be read as generic: the parser refuses it",
        ]
    );
    assert_eq!(findings.strongest().map(|f| f.rule.as_str()), Some("unparsable"));
}

#[test]
fn statements_end_where_they_should() {
    for sql in ["SELECT 1 END; DELETE FROM t", "SELECT 1 DELETE FROM t", "END; DROP TABLE t x x", "; ;"] {
        assert!(rules("generic", sql).contains(&"unparsable".to_owned()), "{sql}: {:?}", rules("generic", sql));
    }
    assert_eq!(rules("generic", ";;SELECT 1;;"), [""; 0]);
    for sql in [
        "SELECT 1 DELETE FROM t",
        "SELECT 1 GRANT",
        "SELECT a FROM t KILL",
        "SELECT 1 x DROP TABLE t",
        "SELECT 1 USE x",
    ] {
        assert!(rules("mssql", sql).contains(&"unparsable".to_owned()), "{sql}: {:?}", rules("mssql", sql));
    }
    assert_eq!(rules("mssql", "SELECT [delete], \"drop\" FROM t"), [""; 0]);
}

/// Reasons stand in ledgers: they hold names, and nothing that was given as a value.
#[test]
fn reasons_hold_no_values() {
    for sql in ["DELETE FROM t; SELECT 'hunter2'", "SELECT 'hunter2", "SELECT * FROM x.y.z WHERE p = 'hunter2'"] {
        let request = format!(r#"{{"abi":1,"data":{{"sql":"{sql}"}}}}"#);
        let answer = testing::call(evaluate, &request, None).unwrap();
        assert!(answer.contains("deny") && !answer.contains("hunter2"), "{answer}");
    }
}
