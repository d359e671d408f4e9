package facts

import (
	"strings"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
)

// readSQLite reads SQLite's dialect with meyer, whose grammar is held against SQLite's own.
func readSQLite(text string) ([]Statement, error) {
	stmts, err := parser.ParseString(text)
	if err != nil {
		return nil, err
	}
	r := sqliteReader{sqlReader{dialect: "sqlite"}}
	for _, s := range stmts {
		r.statement(s)
	}
	return r.finish(), nil
}

type sqliteReader struct{ sqlReader }

// statement reads one statement; EXPLAIN does not run what it explains.
func (r *sqliteReader) statement(s ast.Stmt) {
	if e, ok := s.(*ast.ExplainStmt); ok {
		r.begin("explain", Read)
		defer r.end()
		inner := sqliteReader{sqlReader{dialect: "sqlite"}}
		inner.statement(e.Stmt)
		for _, st := range inner.finish() {
			for _, t := range st.Tables {
				r.table("", t)
			}
		}
		return
	}
	verb, typ := sqliteVerb(s)
	st := r.begin(verb, typ)
	defer r.end()
	switch s := s.(type) {
	case *ast.SelectStmt:
		for _, c := range s.Cores {
			if q, ok := c.(*ast.SelectQuery); ok && restricts(q.Where) {
				st.Where = true
			}
		}
	case *ast.UpdateStmt:
		st.Where = restricts(s.Where)
	case *ast.DeleteStmt:
		st.Where = restricts(s.Where)
	case *ast.PragmaStmt:
		st.Type = pragma(s)
	case *ast.AlterTableStmt:
		if s.Action == ast.AlterDropColumn || s.Action == ast.AlterDropConstraint {
			st.Type = Delete
		}
	case *ast.VacuumStmt:
		if s.Into != nil {
			st.Type, st.Because = Execute, "VACUUM INTO writes a file"
		}
	}
	r.parts(s)
}

func sqliteVerb(s ast.Stmt) (string, Type) {
	switch s.(type) {
	case *ast.SelectStmt:
		return "select", Read
	case *ast.InsertStmt:
		return "insert", Write
	case *ast.UpdateStmt:
		return "update", Write
	case *ast.DeleteStmt:
		return "delete", Delete
	case *ast.CreateTableStmt, *ast.CreateIndexStmt, *ast.CreateViewStmt:
		return "create", Write
	case *ast.CreateTriggerStmt, *ast.CreateVirtualTableStmt:
		return "create", Execute
	case *ast.AlterTableStmt:
		return "alter", Write
	case *ast.DropTableStmt, *ast.DropIndexStmt, *ast.DropViewStmt, *ast.DropTriggerStmt:
		return "drop", Delete
	case *ast.BeginStmt:
		return "begin", Write
	case *ast.CommitStmt:
		return "commit", Write
	case *ast.RollbackStmt:
		return "rollback", Write
	case *ast.SavepointStmt:
		return "savepoint", Write
	case *ast.ReleaseStmt:
		return "release", Write
	case *ast.AttachStmt:
		return "attach", Execute
	case *ast.DetachStmt:
		return "detach", Execute
	case *ast.PragmaStmt:
		return "pragma", Write
	case *ast.VacuumStmt:
		return "vacuum", Write
	case *ast.AnalyzeStmt:
		return "analyze", Write
	case *ast.ReindexStmt:
		return "reindex", Write
	}
	return "unknown", Unknown
}

// parts looks at everything below a statement: tables, functions, WITH, nested statements of triggers.
func (r *sqliteReader) parts(s ast.Stmt) {
	skip := indexNames(s)
	ast.Walk(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case ast.Stmt:
			if _, query := n.(*ast.SelectStmt); n != s && !query {
				r.statement(n)
				return false
			}
		case *ast.CTE:
			r.define(n.Name.Name)
		case *ast.FuncCall:
			r.call("", n.Name.Name)
		case *ast.TableRef:
			if n.HasArgs && n.Name != nil {
				r.call("", n.Name.Name.Name)
			}
		case *ast.QualifiedName:
			if n.Name != nil && n != skip {
				schema := ""
				if n.Schema != nil {
					schema = n.Schema.Name
				}
				r.table(schema, n.Name.Name)
			}
		}
		return true
	})
}

// indexNames is the name in a statement that is no table's.
func indexNames(s ast.Stmt) *ast.QualifiedName {
	switch s := s.(type) {
	case *ast.PragmaStmt:
		return s.Name
	case *ast.CreateIndexStmt:
		return s.Name
	}
	return nil
}

// restricts reports whether a condition reads a column, so that it can be true of some rows only.
func restricts(where ast.Expr) bool {
	found := false
	if where == nil {
		return false
	}
	ast.Walk(where, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.QualifiedRef:
			found = true
		case *ast.Ident:
			found = found || !strings.EqualFold(n.Name, "true") && !strings.EqualFold(n.Name, "false")
		case *ast.FuncCall:
			for _, a := range n.Args {
				found = found || restricts(a)
			}
			return false
		}
		return !found
	})
	return found
}

// pragma is Read for those that only tell, and those whose argument is a name to tell about.
func pragma(p *ast.PragmaStmt) Type {
	const asking = ` table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check integrity_check
 quick_check `
	const telling = ` database_list collation_list function_list module_list pragma_list compile_options encoding user_version
 application_id schema_version data_version freelist_count page_count page_size max_page_count journal_mode foreign_keys
 synchronous cache_size auto_vacuum temp_store locking_mode query_only recursive_triggers busy_timeout secure_delete trusted_schema
 writable_schema `
	if p.Name == nil || p.Name.Name == nil {
		return Unknown
	}
	name := strings.ToLower(p.Name.Name.Name)
	if listed(asking, name) || !p.HasValue && listed(telling, name) {
		return Read
	}
	return Write
}
