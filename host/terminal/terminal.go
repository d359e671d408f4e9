// Package terminal writes for people what agents may have written: nothing of it steers the terminal.
package terminal

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain shows what a terminal would obey: control characters and those that turn writing around come out escaped. Much
// of what is printed was written by agents.
func Plain(s string) string {
	hidden := func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) || r == utf8.RuneError }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Columns writes rows in columns as wide as they must be, every cell plain. Paint may colour a cell, and must add nothing that
// takes room; nil: none is coloured.
func Columns(w io.Writer, rows [][]string, paint func(row int, cell string) string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(Plain(cell)))
		}
	}
	var out strings.Builder
	for r, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			text := Plain(cell)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2)
			if paint != nil {
				text = paint(r, text)
			}
			line.WriteString(text + pad)
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
