package wasm

// element reads one element segment in any of its eight forms (§5.5.12).
func (d *decoder) element() {
	const passive, explicit, expressions = 1, 2, 4
	flag := d.r.U32()
	if flag > 7 {
		d.r.fail("element segment of kind %d", flag)
	}
	s := ElementSegment{Active: flag&passive == 0}
	if s.Active {
		if flag&explicit != 0 {
			d.index("table", len(d.m.Tables))
		}
		s.Offset = d.offset()
	}
	if flag&(passive|explicit) != 0 {
		d.elementKind(flag&expressions != 0)
	}
	s.Len = d.r.Count()
	d.r.atMost("elements of a segment", uint64(s.Len), uint64(d.l.Table))
	for i := 0; i < s.Len && d.r.err == nil; i++ {
		if flag&expressions != 0 {
			d.constant()
		} else {
			d.index("function", d.m.functionCount())
		}
	}
	if s.Active {
		d.fitsTable(s)
	}
	d.m.Elements = append(d.m.Elements, s)
}

func (d *decoder) fitsTable(s ElementSegment) {
	if len(d.m.Tables) == 0 {
		d.r.fail("elements, and no table")
	} else if end := uint64(s.Offset) + uint64(s.Len); end > uint64(d.m.Tables[0].Min) {
		d.r.fail("elements end at %d, the table at %d", end, d.m.Tables[0].Min)
	}
}

func (d *decoder) elementKind(expressions bool) {
	if expressions {
		d.r.refType()
	} else if kind := d.r.Byte(); kind != 0 {
		d.r.fail("elements of kind %d", kind)
	}
}

func (d *decoder) offset() uint32 {
	v, ok := d.constant()
	if !ok {
		d.r.fail("the offset of a segment is no i32")
	}
	return v
}

func (d *decoder) data() {
	const active, passive, explicit = 0, 1, 2
	var s DataSegment
	switch kind := d.r.U32(); kind {
	case passive:
	case explicit:
		d.index("memory", 1)
		fallthrough
	case active:
		s.Active, s.Offset = true, d.offset()
	default:
		d.r.fail("data segment of kind %d", kind)
	}
	s.Bytes = d.r.Bytes(d.r.U32())
	if end, size := uint64(s.Offset)+uint64(len(s.Bytes)), uint64(d.m.Memory.Min)<<16; s.Active && end > size {
		d.r.fail("data ends at %d, the memory at %d", end, size)
	}
	d.m.Data = append(d.m.Data, s)
}
