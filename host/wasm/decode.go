package wasm

// decoder reads sections into a Module and holds them against limits.
type decoder struct {
	m *Module
	l Limits
	r *Reader
	// work is what the functions so far are for a compiler, by Limits.Work.
	work uint64
	// frames are the open blocks of the body that is read, kept for the next.
	frames []frame
}

// Scan reads a module and admits it, or says why not (a *ScanError, or ErrNotModule). Admitted are modules of the specification's second
// version with exactly one memory of their own, one table at most and imports of functions only, within the limits, whose
// every index leads somewhere and whose blocks close. Types of operands are left to the engine that compiles it.
//
// Refused by name is also what an instance could not be brought back from: changes to tables, dropped segments, mutable
// references; and vectors, threads, several memories.
func Scan(module []byte, l Limits) (*Module, error) {
	l = l.or()
	if len(module) > l.Module {
		return nil, &ScanError{What: "bytes of the module", Limit: uint64(l.Module), Got: uint64(len(module))}
	}
	sections, err := Sections(module)
	if err != nil {
		return nil, err
	}
	d := &decoder{m: &Module{}, l: l}
	for _, s := range sections {
		if s.ID == SectionCustom {
			d.m.Customs = append(d.m.Customs, s)
			continue
		}
		d.m.sections = append(d.m.sections, s)
		d.r = NewReader(s.Body, s.Offset)
		d.section(s.ID)
		if d.r.err == nil && d.r.Len() > 0 {
			d.r.fail("%d bytes behind the end of section %d", d.r.Len(), s.ID)
		}
		if d.r.err != nil {
			return nil, d.r.err
		}
	}
	if err := d.whole(len(module)); err != nil {
		return nil, err
	}
	d.m.scanned = true
	return d.m, nil
}

func (d *decoder) section(id SectionID) {
	switch id {
	case SectionType:
		d.vector("types", d.l.Types, d.funcType)
	case SectionImport:
		d.vector("imports", d.l.Imports, d.imported)
	case SectionFunction:
		d.vector("functions", d.l.Functions-len(d.m.Imports), d.function)
	case SectionTable:
		d.vector("tables", 1, d.table)
	case SectionMemory:
		d.vector("memories", 1, d.memory)
	case SectionGlobal:
		d.vector("globals", d.l.Globals, d.global)
	case SectionExport:
		d.vector("exports", d.l.Exports, d.export)
	case SectionStart:
		d.start()
	case SectionElement:
		d.vector("element segments", d.l.Elements, d.element)
	case SectionDataCount:
		d.m.dataCount, d.m.hasCount = d.r.U32(), true
	case SectionCode:
		d.vector("bodies", len(d.m.Functions), d.body)
	case SectionData:
		d.vector("data segments", d.l.Data, d.data)
	}
}

// vector reads a list of at most that many items.
func (d *decoder) vector(what string, most int, item func()) {
	n := d.r.Count()
	if !d.r.atMost(what, uint64(n), uint64(max(most, 0))) {
		return
	}
	for i := 0; i < n && d.r.err == nil; i++ {
		item()
	}
}

// whole looks at what only the whole module shows.
func (d *decoder) whole(end int) error {
	m, r := d.m, NewReader(nil, end)
	memories := 0
	for _, s := range m.sections {
		if s.ID == SectionMemory && s.Body[0] != 0 {
			memories++
		}
	}
	switch {
	case memories != 1:
		r.fail("no memory of its own: one is needed")
	case len(m.Bodies) != len(m.Functions):
		r.fail("%d functions and %d bodies", len(m.Functions), len(m.Bodies))
	case m.hasCount && int(m.dataCount) != len(m.Data):
		r.fail("%d data segments announced, %d there", m.dataCount, len(m.Data))
	}
	return r.err
}

func (d *decoder) funcType() {
	if form := d.r.Byte(); form != 0x60 {
		d.r.fail("type of form %#x: only functions are served", form)
	}
	d.m.Types = append(d.m.Types, FuncType{Params: d.valueTypes(), Results: d.valueTypes()})
}

func (d *decoder) valueTypes() []ValueType {
	n := d.r.Count()
	if n == 0 || !d.r.atMost("parameters or results of one function", uint64(n), uint64(d.l.Values)) {
		return nil
	}
	out := make([]ValueType, n)
	for i := range out {
		out[i] = d.r.valueType()
	}
	return out
}

func (r *Reader) valueType() ValueType {
	t := ValueType(r.Byte())
	switch t {
	case I32, I64, F32, F64, FuncRef, ExternRef:
	case V128:
		r.fail("v128 value: build without SIMD")
	default:
		r.fail("%#x is no value type", byte(t))
	}
	return t
}

func (d *decoder) imported() {
	i := Import{Module: d.r.Name(), Name: d.r.Name()}
	if kind := ExportKind(d.r.Byte()); kind != ExportFunc {
		d.r.fail("import %q of %q is a %s: only functions may be imported", i.Name, i.Module, kind)
	}
	i.Type = d.index("type", len(d.m.Types))
	d.m.Imports = append(d.m.Imports, i)
}

// String is the kind's name in the text format.
func (k ExportKind) String() string {
	switch k {
	case ExportFunc:
		return "func"
	case ExportTable:
		return "table"
	case ExportMemory:
		return "memory"
	case ExportGlobal:
		return "global"
	default:
		return "unknown kind"
	}
}

// index reads an index of something of which there are that many.
func (d *decoder) index(what string, there int) uint32 {
	i := d.r.U32()
	d.within(what, i, there)
	return i
}

func (d *decoder) within(what string, i uint32, there int) {
	if uint64(i) >= uint64(there) {
		d.r.fail("%s %d of %d", what, i, there)
	}
}

func (d *decoder) function() {
	d.m.Functions = append(d.m.Functions, d.index("type", len(d.m.Types)))
}

func (d *decoder) bounds(most uint32) (low, high uint32, bounded bool) {
	flag := d.r.Byte()
	if flag > 1 {
		d.r.fail("limits of kind %d: shared and 64-bit memories are not served", flag)
	}
	low, high = d.r.U32(), most
	if flag == 1 {
		high = d.r.U32()
	}
	if low > high {
		d.r.fail("%d at least and %d at most", low, high)
	}
	return low, high, flag == 1
}

func (d *decoder) table() {
	t := Table{Type: d.r.refType()}
	t.Min, t.Max, t.Bounded = d.bounds(1<<32 - 1)
	d.r.atMost("elements of a table", uint64(t.Min), uint64(d.l.Table))
	d.m.Tables = append(d.m.Tables, t)
}

func (d *decoder) memory() {
	const most = 1 << 16
	d.m.Memory.Min, d.m.Memory.Max, d.m.Memory.Bounded = d.bounds(most)
	d.r.atMost("pages of memory", uint64(d.m.Memory.Max), most)
}

func (d *decoder) global() {
	g := Global{Type: d.r.valueType()}
	mutable := d.r.Byte()
	if mutable > 1 {
		d.r.fail("mutability %d", mutable)
	}
	g.Mutable = mutable == 1
	if g.Mutable && (g.Type == FuncRef || g.Type == ExternRef) {
		d.r.fail("a global holds a reference that may change: its state could not be restored")
	}
	at := d.r.off
	d.constant()
	g.Init = d.r.buf[at:d.r.off:d.r.off]
	d.m.Globals = append(d.m.Globals, g)
}

// constant reads an expression of one constant, and returns its value if it is an i32.
func (d *decoder) constant() (value uint32, isI32 bool) {
	op := Op(d.r.Byte())
	switch op {
	case OpI32Const:
		value, isI32 = uint32(d.r.signed(32)), true
	case OpI64Const:
		d.r.signed(64)
	case OpF32Const:
		d.r.Bytes(4)
	case OpF64Const:
		d.r.Bytes(8)
	case OpRefNull:
		d.r.refType()
	case OpRefFunc:
		d.index("function", d.m.functionCount())
	default:
		d.r.fail("instruction %#x where a constant is due", byte(op))
	}
	if end := Op(d.r.Byte()); end != OpEnd {
		d.r.fail("a constant expression of more than one instruction")
	}
	return value, isI32
}

func (d *decoder) export() {
	e := Export{Name: d.r.Name(), Kind: ExportKind(d.r.Byte())}
	switch e.Kind {
	case ExportFunc:
		e.Index = d.index("function", d.m.functionCount())
	case ExportTable:
		e.Index = d.index("table", len(d.m.Tables))
	case ExportMemory:
		e.Index = d.index("memory", 1)
	case ExportGlobal:
		e.Index = d.index("global", len(d.m.Globals))
	default:
		d.r.fail("export of %s %d", e.Kind, e.Kind)
	}
	d.m.Exports = append(d.m.Exports, e)
}

func (d *decoder) start() {
	d.m.Start, d.m.HasStart = d.index("function", d.m.functionCount()), true
	if ft, _ := d.m.FuncType(d.m.Start); len(ft.Params)+len(ft.Results) > 0 {
		d.r.fail("the start function takes or gives values")
	}
}
