package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table writes rows in columns, numbers to the right.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, title string, columns ...string) table {
	fmt.Fprintf(out, "\n%s\n\n", title)
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)}
	t.row(columns...)
	return t
}

// row writes one row; the first column, a name, is set to the left by filling it up.
func (t table) row(cells ...string) {
	cells[0] = fmt.Sprintf("%-46s", cells[0])
	fmt.Fprintln(t.w, strings.Join(cells, "\t")+"\t")
}

func (t table) end() { _ = t.w.Flush() }

// grouped writes a number with its thousands apart.
func grouped(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// times writes a ratio so that small and large ones can be read.
func times(ratio float64) string {
	switch {
	case ratio == 0:
		return "-"
	case ratio < 10:
		return fmt.Sprintf("%.2fx", ratio)
	default:
		return grouped(ratio) + "x"
	}
}
