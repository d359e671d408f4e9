package mcp

import "slices"

// edit is a byte range of a JSON text, and the JSON that takes its place.
type edit struct {
	start, end int
	text       []byte
}

// applyEdits is raw with its edits made: bytes outside the ranges are kept as they are, and raw itself comes back where
// there is none. Ranges do not overlap; they may come in any order.
func applyEdits(raw []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return raw
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	size := len(raw)
	for _, e := range edits {
		size += len(e.text) - (e.end - e.start)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range edits {
		out = append(append(out, raw[from:e.start]...), e.text...)
		from = e.end
	}
	return append(out, raw[from:]...)
}
