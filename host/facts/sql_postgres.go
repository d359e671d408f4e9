package facts

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/wasilibs/go-pgquery/parser"
)

// postgresParser keeps the parser to one text at a time. The library compiles PostgreSQL's own parser to machine code
// once for every caller that finds none idle, at a second or more and 100 MB each; one is enough.
var postgresParser sync.Mutex

// WarmPostgres compiles the PostgreSQL parser, so that the first call that needs it does not wait for it.
func WarmPostgres() { _, _ = parsePostgres("select 1") }

func parsePostgres(text string) (string, error) {
	postgresParser.Lock()
	defer postgresParser.Unlock()
	return parser.ParseToJSON(text)
}

// readPostgres reads PostgreSQL's dialect with PostgreSQL's own parser, as a tree in JSON: every node is an object of one
// member that bears the node's name.
func readPostgres(text string) ([]Statement, error) {
	out, err := parsePostgres(text)
	if err != nil {
		return nil, err
	}
	var tree struct {
		Stmts []struct {
			Stmt map[string]any `json:"stmt"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(out), &tree); err != nil {
		return nil, err
	}
	r := postgresReader{sqlReader{dialect: "postgres"}}
	for _, s := range tree.Stmts {
		for name, node := range s.Stmt {
			r.statement(name, object(node))
		}
	}
	return r.finish(), nil
}

type postgresReader struct{ sqlReader }

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func word(v any) string {
	s, _ := v.(string)
	return s
}

// statement reads a node that is a statement, and everything below it.
func (r *postgresReader) statement(name string, n map[string]any) {
	verb, typ := postgresVerb(name, n)
	st := r.begin(verb, typ)
	defer r.end()
	st.Where = r.restricted(name, n)
	r.statementParts(name, n)
	if name == "ExplainStmt" && !r.option(n, "analyze") {
		r.explained(n)
		return
	}
	r.walk(n)
}

// statementParts strengthens a statement by what its own members say.
func (r *postgresReader) statementParts(name string, n map[string]any) {
	switch name {
	case "SelectStmt":
		if n["intoClause"] != nil {
			r.strengthen(Write, "SELECT INTO creates a table")
		}
		if n["lockingClause"] != nil {
			r.strengthen(Write, "it locks rows")
		}
	case "CopyStmt":
		switch {
		case n["is_program"] == true:
			r.strengthen(Execute, "COPY runs a program")
		case word(n["filename"]) != "":
			r.strengthen(Execute, "COPY reaches a file of the server")
		case n["is_from"] == true:
			r.strengthen(Write, "COPY FROM writes")
		}
	case "VariableSetStmt":
		switch strings.ToLower(word(n["name"])) {
		case "role", "session_authorization":
			r.strengthen(Execute, "it changes who acts")
		}
	case "AlterTableStmt":
		if text, err := json.Marshal(n["cmds"]); err == nil && (strings.Contains(string(text), `"AT_Drop`) || strings.Contains(string(text), `"AT_DetachPartition"`)) {
			r.strengthen(Delete, "ALTER TABLE drops something")
		}
	case "MergeStmt":
		if text, err := json.Marshal(n["mergeWhenClauses"]); err == nil && strings.Contains(string(text), `"CMD_DELETE"`) {
			r.strengthen(Delete, "MERGE deletes rows")
		}
	}
}

func (r *postgresReader) option(n map[string]any, name string) bool {
	list, _ := n["options"].([]any)
	for _, o := range list {
		if strings.EqualFold(word(object(object(o)["DefElem"])["defname"]), name) {
			return true
		}
	}
	return false
}

// explained takes only the tables of what EXPLAIN does not run.
func (r *postgresReader) explained(n map[string]any) {
	inner := postgresReader{sqlReader{dialect: "postgres"}}
	for name, node := range object(n["query"]) {
		inner.statement(name, object(node))
	}
	for _, st := range inner.finish() {
		for _, t := range st.Tables {
			r.table("", t)
		}
	}
}

// walk looks at everything below a statement.
func (r *postgresReader) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			r.walk(item)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) { // the same text gives the same facts in the same order
			r.node(name, v[name])
		}
	}
}

func (r *postgresReader) node(name string, v any) {
	n := object(v)
	switch name {
	case "SelectStmt", "larg", "rarg":
		r.query(n)
		return
	case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		r.statement(name, n)
		return
	case "relation", "RangeVar", "view", "rel":
		if t := n; word(t["relname"]) != "" {
			r.table(word(t["schemaname"]), word(t["relname"]))
		}
	case "CommonTableExpr":
		r.define(word(n["ctename"]))
	case "FuncCall":
		r.function(n)
	case "objects":
		r.dropped(v)
	}
	if strings.HasSuffix(name, "Stmt") && name[0] >= 'A' && name[0] <= 'Z' && n != nil {
		r.statement(name, n)
		return
	}
	r.walk(v)
}

// query is a SELECT within a statement: part of it, not a statement of its own.
func (r *postgresReader) query(n map[string]any) {
	r.statementParts("SelectStmt", n)
	r.walk(n)
}

func (r *postgresReader) function(n map[string]any) {
	var names []string
	list, _ := n["funcname"].([]any)
	for _, f := range list {
		names = append(names, word(object(object(f)["String"])["sval"]))
	}
	switch len(names) {
	case 1:
		r.call("", names[0])
	case 2:
		r.call(names[0], names[1])
	default:
		r.strengthen(Unknown, "a function whose name is not understood may do anything")
	}
}

// dropped takes the tables a DROP names, lists of strings.
func (r *postgresReader) dropped(v any) {
	list, _ := v.([]any)
	for _, o := range list {
		items, _ := object(object(o)["List"])["items"].([]any)
		var parts []string
		for _, s := range items {
			parts = append(parts, word(object(object(s)["String"])["sval"]))
		}
		if len(parts) > 0 {
			r.table("", strings.Join(parts, "."))
		}
	}
}

// restricted reports whether the statement's own condition reads a column; of a UNION every part must have one.
func (r *postgresReader) restricted(name string, n map[string]any) bool {
	switch name {
	case "SelectStmt":
		if l, rr := object(n["larg"]), object(n["rarg"]); l != nil && rr != nil {
			return r.restricted(name, l) && r.restricted(name, rr)
		}
		return holdsNode(n["whereClause"], "ColumnRef")
	case "UpdateStmt", "DeleteStmt":
		return holdsNode(n["whereClause"], "ColumnRef") || holdsNode(n["whereClause"], "CurrentOfExpr")
	case "MergeStmt":
		return holdsNode(n["joinCondition"], "ColumnRef")
	case "CopyStmt":
		return holdsNode(n["whereClause"], "ColumnRef")
	}
	return false
}

func holdsNode(v any, name string) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if holdsNode(item, name) {
				return true
			}
		}
	case map[string]any:
		for k, below := range v {
			if k == name || holdsNode(below, name) {
				return true
			}
		}
	}
	return false
}

// postgresVerb is the word and the type of a statement node of PostgreSQL's grammar.
func postgresVerb(name string, n map[string]any) (string, Type) {
	switch name {
	case "SelectStmt":
		return "select", Read
	case "InsertStmt":
		return "insert", Write
	case "UpdateStmt":
		return "update", Write
	case "DeleteStmt":
		return "delete", Delete
	case "MergeStmt":
		return "merge", Write
	case "TruncateStmt":
		return "truncate", Delete
	case "ExplainStmt":
		return "explain", Read
	case "CopyStmt":
		return "copy", Read
	case "VariableShowStmt":
		return "show", Read
	case "VariableSetStmt":
		return "set", Write
	case "FetchStmt":
		return "fetch", Read
	case "TransactionStmt":
		kind := strings.ToLower(strings.TrimPrefix(word(n["kind"]), "TRANS_STMT_"))
		return kind, Write
	}
	if verb, typ := postgresDefinition(name); verb != "" {
		return verb, typ
	}
	return "unknown", Unknown
}

// postgresDefinition is the word and type of statements that define things or change who may do what. Code that will
// run later, rights, and ways to other places count as execution.
func postgresDefinition(name string) (string, Type) {
	const writing = ` CreateStmt CreateTableAsStmt IndexStmt ViewStmt CreateSchemaStmt CreateSeqStmt CreateEnumStmt CompositeTypeStmt
 CreateDomainStmt CreateRangeStmt DefineStmt CreatedbStmt CreateStatsStmt `
	const altering = ` AlterTableStmt RenameStmt AlterSeqStmt AlterEnumStmt AlterDomainStmt AlterObjectSchemaStmt AlterStatsStmt
 AlterTypeStmt AlterCollationStmt AlterTableMoveAllStmt AlterDatabaseRefreshCollStmt `
	const keeping = ` CommentStmt VacuumStmt ReindexStmt ClusterStmt CheckPointStmt DiscardStmt RefreshMatViewStmt ConstraintsSetStmt
 ListenStmt UnlistenStmt NotifyStmt LockStmt ClosePortalStmt DeclareCursorStmt PrepareStmt DeallocateStmt `
	const dropping = ` DropStmt DropdbStmt DropRoleStmt DropTableSpaceStmt DropOwnedStmt DropSubscriptionStmt DropUserMappingStmt `
	const executing = ` DoStmt CallStmt CreateFunctionStmt CreateTrigStmt CreateExtensionStmt CreatePLangStmt CreateEventTrigStmt RuleStmt
 LoadStmt CreateFdwStmt CreateForeignServerStmt CreateForeignTableStmt CreateUserMappingStmt ImportForeignSchemaStmt GrantStmt
 GrantRoleStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt AlterSystemStmt AlterDatabaseStmt AlterDatabaseSetStmt CreatePolicyStmt
 AlterPolicyStmt AlterDefaultPrivilegesStmt SecLabelStmt AlterOwnerStmt AlterFunctionStmt AlterExtensionStmt CreatePublicationStmt
 AlterPublicationStmt CreateSubscriptionStmt AlterSubscriptionStmt CreateTableSpaceStmt ReassignOwnedStmt CreateCastStmt
 CreateTransformStmt CreateOpClassStmt CreateConversionStmt AlterEventTrigStmt AlterFdwStmt AlterForeignServerStmt `
	switch {
	case listed(writing, name):
		return "create", Write
	case listed(altering, name):
		return "alter", Write
	case listed(keeping, name):
		return strings.ToLower(strings.TrimSuffix(name, "Stmt")), Write
	case listed(dropping, name):
		return "drop", Delete
	case name == "GrantStmt" || name == "GrantRoleStmt":
		return "grant", Execute
	case listed(executing, name):
		for _, verb := range [...]string{"Create", "Alter", "Do", "Call", "Load", "Import"} {
			if strings.HasPrefix(name, verb) {
				return strings.ToLower(verb), Execute
			}
		}
		return strings.ToLower(strings.TrimSuffix(name, "Stmt")), Execute
	}
	return "", ""
}
