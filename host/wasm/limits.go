package wasm

// Limits bounds what Scan admits. They keep compile bombs from the engine (wazero's compiler takes seconds for some
// hundred kilobytes of nested or empty blocks) and leave room for what Go, Rust and TinyGo write. A field that is zero
// has the default its comment names.
type Limits struct {
	Module    int // 16 MiB, bytes
	Functions int // 100,000, imported ones included
	Types     int // 10,000
	Imports   int // 200
	Exports   int // 1,000
	Globals   int // 10,000
	Data      int // 100,000 data segments: Go writes one for each run of bytes that are not zero
	Elements  int // 10,000 element segments
	Values    int // 64 parameters, and as many results, of one function
	Table     int // 100,000 elements, in one table
	Body      int // 1 MiB, bytes of one function
	Locals    int // 10,000 of one function
	Nesting   int // 2,048 blocks inside one another
	Targets   int // 10,000 of one br_table
	// Branches is 10,000 of one function: its blocks, ifs and conditional branches, three for each loop, one for each
	// four targets of a br_table.
	Branches int
	// Work is 500,000,000 for the whole module, about 15 ns of wazero's compiler each, which for a function takes time by
	// the square of its branches, and 700 for each loop beyond the first and each local.
	Work int
}

// or returns the limits with defaults for what is zero.
func (l Limits) or() Limits {
	for _, f := range []struct {
		field *int
		most  int
	}{
		{&l.Module, 16 << 20},
		{&l.Functions, 100_000},
		{&l.Types, 10_000},
		{&l.Imports, 200},
		{&l.Exports, 1_000},
		{&l.Globals, 10_000},
		{&l.Data, 100_000},
		{&l.Elements, 10_000},
		{&l.Values, 64},
		{&l.Table, 100_000},
		{&l.Body, 1 << 20},
		{&l.Locals, 10_000},
		{&l.Nesting, 2_048},
		{&l.Targets, 10_000},
		{&l.Branches, 10_000},
		{&l.Work, 500_000_000},
	} {
		if *f.field <= 0 {
			*f.field = f.most
		}
	}
	return l
}
