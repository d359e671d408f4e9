package facts

import (
	"fmt"
	"slices"
	"strings"

	"agentmesh/pdk/abi"
)

// Statement is what is known of one SQL statement, nested ones (in WITH, EXPLAIN ANALYZE, CREATE … AS) each counted for
// itself.
type Statement struct {
	// Verb is the statement's word in lower case: select, insert, drop, copy …; "unknown" for what no parser accepts.
	Verb string
	Type Type
	// Tables are the tables named, with schema where one is written, without those that WITH defines.
	Tables []string
	// Where is true when a condition that reads a column restricts the rows.
	Where bool
	// Because says what made the statement stronger than its verb, if anything.
	Because string
}

const (
	maxSQL     = 256 << 10 // bytes
	maxNesting = 400       // brackets within brackets
	maxUnary   = 400       // signs and NOTs in a row
)

// ReadSQL reads all statements of a text in a dialect (postgres, mysql, sqlite) with that dialect's parser. Whatever the
// parser does not accept, as well as texts that servers are known to read differently, comes back as one statement of
// verb and type unknown. The first PostgreSQL text costs a second or two, for the parser is compiled then.
func ReadSQL(dialect, text string) []Statement {
	if why := readDifferently(dialect, text); why != "" {
		return unknownSQL(why)
	}
	stmts, err := parseSQL(dialect, text)
	if err != nil {
		return unknownSQL("the " + dialect + " parser refuses it: " + err.Error())
	}
	if len(stmts) == 0 {
		return unknownSQL("it holds no statement")
	}
	return stmts
}

func unknownSQL(why string) []Statement {
	return []Statement{{Verb: "unknown", Type: Unknown, Because: why}}
}

func parseSQL(dialect, text string) (stmts []Statement, err error) {
	defer func() {
		if r := recover(); r != nil { // a parser that gives up on a text does not take us with it
			stmts, err = nil, fmt.Errorf("%v", r)
		}
	}()
	switch dialect {
	case "postgres":
		return readPostgres(text)
	case "mysql":
		return readMySQL(text)
	case "sqlite":
		return readSQLite(text)
	}
	return nil, fmt.Errorf("no parser for dialect %q", dialect)
}

// readDifferently says why a text is not given to a parser: size, nesting that would cost the parser its stack, bytes at
// which some readers stop, comments that some servers run.
func readDifferently(dialect, text string) string {
	if len(text) > maxSQL {
		return "it is longer than 256 KiB"
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "it holds a NUL, where some readers stop"
	}
	depth, deepest, unary, most := 0, 0, 0, 0
	for i := range len(text) {
		switch b := text[i]; b {
		case '(', '[':
			depth++
			deepest = max(deepest, depth)
			unary = 0
		case ')', ']':
			depth = max(0, depth-1)
			unary = 0
		case '-', '+', '~', '!':
			unary++
			most = max(most, unary)
		case ' ', '\t', '\n', '\r':
		default:
			unary = 0
		}
	}
	switch {
	case deepest > maxNesting || most > maxUnary && !strings.Contains(text, "--"):
		return "it is nested too deeply"
	case countWord(text, "not") > maxUnary || countWord(text, "case") > maxUnary || countWord(text, "exists") > maxUnary:
		return "it is nested too deeply"
	case dialect == "mysql" && (strings.Contains(text, "/*!") || strings.Contains(text, "/*M!") || strings.Contains(text, "/*T!")):
		return "it holds a comment that some servers run"
	}
	return ""
}

// countWord counts a lower-case word without regard to case; what stands in strings counts too, which can only refuse
// more.
func countWord(text, word string) int {
	n := 0
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && strings.EqualFold(text[i:i+len(word)], word) {
			n++
			i += len(word) - 1
		}
	}
	return n
}

// addSQL takes SQL in the dialect of the row's server.
func (g *gatherer) addSQL(text string) {
	for _, s := range ReadSQL(g.row.Server.Dialect, text) {
		because := "the SQL statement " + quote(s.Verb)
		if s.Because != "" {
			because += ": " + s.Because
		}
		g.strengthen(s.Type, because)
		g.sql = append(g.sql, s.value())
		if g.explain {
			g.note("resource.sql", fmt.Sprintf("%s %s where=%v", s.Verb, strings.Join(s.Tables, ","), s.Where), "its type is "+string(s.Type))
		}
	}
}

func (s *Statement) value() abi.Value {
	if s.Verb == "unknown" {
		return abi.ObjectValue(abi.Member{Name: "verb", Value: abi.StringValue(s.Verb)})
	}
	return abi.ObjectValue(
		abi.Member{Name: "verb", Value: abi.StringValue(s.Verb)},
		abi.Member{Name: "tables", Value: abi.StringsValue(s.Tables)},
		abi.Member{Name: "where", Value: abi.BoolValue(s.Where)})
}

// sqlReader collects the statements of one text. Every part of a statement that is found strengthens the innermost
// statement being read.
type sqlReader struct {
	dialect string
	stmts   []Statement
	open    []int           // indices into stmts, innermost last
	local   map[string]bool // names that WITH defines
	tables  []tableUse      // resolved when local is complete
}

type tableUse struct {
	stmt int
	name string
}

func (r *sqlReader) begin(verb string, t Type) *Statement {
	r.open = append(r.open, len(r.stmts))
	r.stmts = append(r.stmts, Statement{Verb: verb, Type: t})
	return &r.stmts[len(r.stmts)-1]
}

func (r *sqlReader) end() { r.open = r.open[:len(r.open)-1] }

// now is the innermost statement; there always is one while parts are read.
func (r *sqlReader) now() *Statement { return &r.stmts[r.open[len(r.open)-1]] }

func (r *sqlReader) strengthen(t Type, because string) {
	if s := r.now(); t.strength() > s.Type.strength() {
		s.Type, s.Because = t, because
	}
}

func (r *sqlReader) table(schema, name string) {
	if schema != "" {
		name = schema + "." + name
	}
	r.tables = append(r.tables, tableUse{r.open[len(r.open)-1], name})
}

func (r *sqlReader) define(name string) {
	if r.local == nil {
		r.local = map[string]bool{}
	}
	r.local[strings.ToLower(name)] = true
}

// finish gives the statements their tables.
func (r *sqlReader) finish() []Statement {
	for _, u := range r.tables {
		if s := &r.stmts[u.stmt]; !r.local[strings.ToLower(u.name)] && !slices.Contains(s.Tables, u.name) {
			s.Tables = append(s.Tables, u.name)
		}
	}
	return r.stmts
}

// call judges a function by its name. Those listed as reading stay; a known effect has its type; any other function may
// do anything.
func (r *sqlReader) call(schema, name string) {
	schema, name = strings.ToLower(schema), strings.ToLower(name)
	if schema != "" && schema != "pg_catalog" {
		r.strengthen(Unknown, "the function "+schema+"."+name+" may do anything")
		return
	}
	if reads(r.dialect, name) {
		return
	}
	t := effect(name)
	if t == Unknown {
		r.strengthen(t, "the function "+name+" is not known to only read")
		return
	}
	r.strengthen(t, "the function "+name+" has effects")
}
