package wasm

// frame is an open block.
type frame struct {
	op   Op
	loop int // of a loop, its place in Module.loops
	at   int // where its instruction begins
}

// body reads one function of the code section.
func (d *decoder) body() {
	size := d.r.U32()
	d.r.atMost("bytes of one function", uint64(size), uint64(d.l.Body))
	b := Body{Offset: d.r.Offset(), Bytes: d.r.Bytes(size), firstLoop: len(d.m.loops)}
	if d.r.err != nil {
		return
	}
	s := bodyScan{d: d, b: &b, r: NewReader(b.Bytes, b.Offset), frames: d.frames[:0]}
	s.declared()
	b.code = s.r.off
	s.instructions()
	s.work()
	d.frames = s.frames
	if s.r.err != nil {
		d.r.err = s.r.err
		return
	}
	d.m.Bodies = append(d.m.Bodies, b)
}

// bodyScan goes through one body.
type bodyScan struct {
	d      *decoder
	b      *Body
	r      *Reader
	frames []frame
	// branches and loops are counted for Limits.Branches and Limits.Work.
	branches, loops uint64
}

// declared reads the locals.
func (s *bodyScan) declared() {
	ft := s.d.m.Types[s.d.m.Functions[len(s.d.m.Bodies)]]
	n := uint64(len(ft.Params))
	for range s.r.Count() {
		n += uint64(s.r.U32())
		s.r.valueType()
		if !s.r.atMost("locals of one function", n, uint64(s.d.l.Locals)) {
			return
		}
	}
	s.b.locals, s.b.values = uint32(n), uint32(n)
}

// instructions reads to the end that closes the function, which must be the last byte.
func (s *bodyScan) instructions() {
	s.frames = append(s.frames, frame{op: OpBlock})
	var in instruction
	for s.r.err == nil && len(s.frames) > 0 {
		s.r.next(&in)
		s.b.values++
		switch in.op {
		case OpBlock, OpLoop, OpIf:
			s.open(&in)
		case OpElse:
			s.otherwise()
		case OpEnd:
			s.close(&in)
		default:
			s.plain(&in)
		}
	}
	if s.r.err == nil && s.r.Len() > 0 {
		s.r.fail("%d bytes behind the end of a function", s.r.Len())
	}
}

func (s *bodyScan) open(in *instruction) {
	switch in.block {
	case -64, -1, -2, -3, -4, -16, -17: // nothing, or one value
	case -5:
		s.r.fail("v128 value: build without SIMD")
	default:
		if in.block < 0 {
			s.r.fail("block type %d", in.block)
		} else {
			s.within("type", uint32(in.block), len(s.d.m.Types))
		}
	}
	if s.r.err != nil {
		return
	}
	if in.block >= 0 {
		s.pushes(s.d.m.Types[in.block])
	}
	s.branch(1)
	s.frames = append(s.frames, frame{op: in.op, loop: len(s.d.m.loops), at: in.start})
	s.r.atMost("blocks inside one another", uint64(len(s.frames)-1), uint64(s.d.l.Nesting))
	if in.op == OpLoop {
		s.branch(2)
		s.loops++
		s.d.m.loops = append(s.d.m.loops, 0)
	}
}

func (s *bodyScan) branch(n uint64) {
	s.branches += n
	s.r.atMost("branches of one function", s.branches, uint64(s.d.l.Branches))
}

// perLoop is what a local costs in each loop beyond the first, next to a branch.
const perLoop = 700

// work adds the function up.
func (s *bodyScan) work() {
	s.d.work += s.branches * s.branches
	if s.loops > 1 {
		s.d.work += perLoop * (s.loops - 1) * uint64(s.b.locals)
	}
	s.r.atMost("work for the compiler", s.d.work, uint64(s.d.l.Work))
}

func (s *bodyScan) otherwise() {
	top := &s.frames[len(s.frames)-1]
	if top.op != OpIf {
		s.r.fail("else without if")
	}
	top.op = OpElse
}

func (s *bodyScan) close(in *instruction) {
	top := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	if top.op == OpLoop {
		s.d.m.loops[top.loop] = uint32(in.end - top.at)
	}
}

// plain holds the indices of an instruction that opens and closes nothing against what there is.
func (s *bodyScan) plain(in *instruction) {
	m := s.d.m
	switch in.op {
	case OpBr:
		s.within("label", in.a, len(s.frames))
	case OpBrIf:
		s.within("label", in.a, len(s.frames))
		s.branch(1)
	case OpBrTable:
		s.table(in)
	case OpLocalGet, OpLocalSet, OpLocalTee:
		s.within("local", in.a, int(s.b.locals))
	case OpGlobalGet, OpGlobalSet:
		s.within("global", in.a, len(m.Globals))
	case OpRefFunc:
		s.within("function", in.a, m.functionCount())
	case OpCall:
		s.within("function", in.a, m.functionCount())
		ft, _ := m.FuncType(in.a)
		s.called(ft)
	case OpCallIndirect:
		s.within("type", in.a, len(m.Types))
		s.within("table", in.b, len(m.Tables))
		if s.r.err == nil {
			s.called(m.Types[in.a])
		}
	case OpTableGet:
		s.within("table", in.a, len(m.Tables))
	case OpTableSet:
		s.r.fail("table.set changes a table: its state could not be restored")
	case OpPrefixMisc:
		s.misc(in)
	}
}

func (s *bodyScan) within(what string, i uint32, there int) {
	if uint64(i) >= uint64(there) {
		s.r.fail("%s %d of %d", what, i, there)
	}
}

func (s *bodyScan) called(ft FuncType) {
	s.b.calls = true
	s.pushes(ft)
}

// pushes counts values that one instruction pushes beyond the first.
func (s *bodyScan) pushes(ft FuncType) { s.b.values += uint32(len(ft.Results)) }

func (s *bodyScan) table(in *instruction) {
	s.within("label", in.b, len(s.frames))
	s.r.atMost("targets of one br_table", uint64(in.a), uint64(s.d.l.Targets))
	s.branch(1 + uint64(in.a)/4)
}

func (s *bodyScan) misc(in *instruction) {
	m := s.d.m
	switch in.misc {
	case miscMemoryInit:
		if !m.hasCount {
			s.r.fail("memory.init, and no count of data segments")
		}
		s.within("data segment", in.a, int(m.dataCount))
	case miscTableSize:
		s.within("table", in.a, len(m.Tables))
	case miscDataDrop:
		s.r.fail("data.drop gives up a segment: its state could not be restored")
	case miscElemDrop:
		s.r.fail("elem.drop gives up a segment: its state could not be restored")
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		s.r.fail("%s changes a table: its state could not be restored", tableOps[in.misc-miscTableInit])
	}
}

var tableOps = [...]string{"table.init", "", "table.copy", "table.grow", "", "table.fill"}
