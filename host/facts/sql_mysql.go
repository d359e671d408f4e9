package facts

import (
	"strings"

	"github.com/sqlc-dev/marino/ast"
	"github.com/sqlc-dev/marino/parser"
)

// readMySQL reads MySQL's dialect with marino.
func readMySQL(text string) ([]Statement, error) {
	stmts, _, err := parser.New().Parse(text, "", "")
	if err != nil {
		return nil, err
	}
	r := &mysqlReader{sqlReader: sqlReader{dialect: "mysql"}}
	for _, s := range stmts {
		r.statement(s)
	}
	return r.finish(), nil
}

type mysqlReader struct {
	sqlReader
	top ast.Node
}

func (r *mysqlReader) statement(s ast.StmtNode) {
	if e, ok := s.(*ast.ExplainStmt); ok {
		r.explain(e)
		return
	}
	verb, typ := mysqlVerb(s)
	st := r.begin(verb, typ)
	defer r.end()
	st.Where = r.restricted(s)
	switch s := s.(type) {
	case *ast.AlterTableStmt:
		for _, spec := range s.Specs {
			switch spec.Tp {
			case ast.AlterTableDropColumn, ast.AlterTableDropPartition, ast.AlterTableTruncatePartition, ast.AlterTableDropPrimaryKey,
				ast.AlterTableDropIndex, ast.AlterTableDropForeignKey:
				st.Type, st.Because = Delete, "ALTER TABLE drops something"
			}
		}
	case *ast.SetStmt:
		for _, v := range s.Variables {
			if v.IsGlobal || v.IsPersist || v.IsPersistOnly {
				st.Type, st.Because = Execute, "it changes the server's settings"
			}
		}
	}
	outer := r.top
	r.top = s
	s.Accept(r)
	r.top = outer
}

// explain takes only the tables of what is explained, unless ANALYZE runs it.
func (r *mysqlReader) explain(e *ast.ExplainStmt) {
	r.begin("explain", Read)
	defer r.end()
	if e.Stmt == nil {
		return
	}
	if e.Analyze {
		r.statement(e.Stmt)
		return
	}
	inner := &mysqlReader{sqlReader: sqlReader{dialect: "mysql"}}
	inner.statement(e.Stmt)
	for _, st := range inner.finish() {
		for _, t := range st.Tables {
			r.table("", t)
		}
	}
}

// Enter looks at a node on the way down; it is part of ast.Visitor.
func (r *mysqlReader) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		r.selectParts(n)
	case *ast.TableName:
		r.table(n.Schema.O, n.Name.O)
	case *ast.CommonTableExpression:
		r.define(n.Name.L)
	case *ast.FuncCallExpr:
		r.call(n.Schema.L, n.FnName.L)
	case *ast.AggregateFuncExpr:
		r.call("", n.F)
	case *ast.WindowFuncExpr:
		r.call("", n.Name)
	case ast.StmtNode:
		if _, union := n.(*ast.SetOprStmt); ast.Node(n) != r.top && !union {
			r.statement(n)
			return n, true
		}
	}
	return n, false
}

// Leave goes on; it is part of ast.Visitor.
func (r *mysqlReader) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (r *mysqlReader) selectParts(n *ast.SelectStmt) {
	if n.SelectIntoOpt != nil {
		if n.SelectIntoOpt.FileName != "" {
			r.strengthen(Execute, "SELECT INTO writes a file of the server")
		} else {
			r.strengthen(Write, "SELECT INTO sets variables")
		}
	}
	if n.LockInfo != nil && n.LockInfo.LockType != ast.SelectLockNone {
		r.strengthen(Write, "it locks rows")
	}
}

func (r *mysqlReader) restricted(s ast.StmtNode) bool {
	switch s := s.(type) {
	case *ast.SelectStmt:
		return readsColumn(s.Where)
	case *ast.UpdateStmt:
		return readsColumn(s.Where)
	case *ast.DeleteStmt:
		return readsColumn(s.Where)
	}
	return false
}

// columnFinder looks for a column below an expression.
type columnFinder struct{ found bool }

func (f *columnFinder) Enter(n ast.Node) (ast.Node, bool) {
	if _, ok := n.(*ast.ColumnNameExpr); ok {
		f.found = true
	}
	return n, f.found
}

func (f *columnFinder) Leave(n ast.Node) (ast.Node, bool) { return n, !f.found }

func readsColumn(e ast.ExprNode) bool {
	if e == nil {
		return false
	}
	var f columnFinder
	e.Accept(&f)
	return f.found
}

// mysqlVerb is the word and type of a statement. What is not listed is unknown: the grammar has two hundred statements.
func mysqlVerb(s ast.StmtNode) (string, Type) {
	switch s := s.(type) {
	case *ast.SelectStmt, *ast.SetOprStmt:
		return "select", Read
	case *ast.ShowStmt:
		return "show", Read
	case *ast.HelpStmt:
		return "help", Read
	case *ast.InsertStmt:
		if s.IsReplace {
			return "replace", Write
		}
		return "insert", Write
	case *ast.UpdateStmt:
		return "update", Write
	case *ast.DeleteStmt:
		return "delete", Delete
	case *ast.TruncateTableStmt:
		return "truncate", Delete
	case *ast.DropTableStmt, *ast.DropDatabaseStmt, *ast.DropIndexStmt, *ast.DropProcedureStmt, *ast.DropEventStmt, *ast.DropTriggerStmt,
		*ast.DropFunctionStmt, *ast.DropServerStmt, *ast.DropUserStmt, *ast.DropTablespaceStmt:
		return "drop", Delete
	case *ast.CreateTableStmt, *ast.CreateDatabaseStmt, *ast.CreateViewStmt, *ast.CreateIndexStmt:
		return "create", Write
	case *ast.AlterTableStmt, *ast.AlterDatabaseStmt, *ast.AlterViewStmt:
		return "alter", Write
	case *ast.RenameTableStmt:
		return "rename", Write
	case *ast.UseStmt:
		return "use", Write
	case *ast.SetStmt:
		return "set", Write
	}
	return mysqlOther(s)
}

func mysqlOther(s ast.StmtNode) (string, Type) {
	verb, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s.Text())), " ")
	switch s.(type) {
	case *ast.BeginStmt, *ast.CommitStmt, *ast.RollbackStmt, *ast.SavepointStmt, *ast.ReleaseSavepointStmt, *ast.LockTablesStmt,
		*ast.UnlockTablesStmt, *ast.AnalyzeTableStmt, *ast.OptimizeTableStmt, *ast.DoStmt:
		return verb, Write
	case *ast.LoadDataStmt, *ast.LoadXMLStmt, *ast.CallStmt, *ast.CreateFunctionStmt, *ast.CreateTriggerStmt, *ast.CreateEventStmt,
		*ast.CreateUserStmt, *ast.AlterUserStmt, *ast.GrantStmt, *ast.RevokeStmt, *ast.GrantRoleStmt, *ast.RevokeRoleStmt, *ast.SetPwdStmt,
		*ast.SetRoleStmt, *ast.CreateServerStmt, *ast.InstallPluginStmt, *ast.CreateLoadableFunctionStmt, *ast.KillStmt, *ast.FlushStmt,
		*ast.ShutdownStmt, *ast.RenameUserStmt:
		return verb, Execute
	}
	return "unknown", Unknown
}
