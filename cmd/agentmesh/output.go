package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"agentmesh/host/terminal"
)

// format adds -o and checks what it is given.
func format(c *cobra.Command, kinds ...string) *string {
	value := c.Flags().StringP("output", "o", kinds[0], "output as "+strings.Join(kinds, ", "))
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if !slices.Contains(kinds, *value) {
			return usage("", "-o takes %s, not %q", strings.Join(kinds, ", "), *value)
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
	return value
}

func (e *env) printf(format string, args ...any) { fmt.Fprintf(e.stdout, format, args...) }

// json prints a value indented. Text is left as it is: this is no web page.
func (e *env) json(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// report prints a value as JSON, or as people is to show it.
func (e *env) report(output string, v any, people func()) error {
	if output == "json" {
		return e.json(v)
	}
	people()
	return nil
}

// indented prints JSON that is already there, indented.
func (e *env) indented(text []byte) error { return e.json(json.RawMessage(text)) }

// table prints rows under a header in columns as wide as they must be. A header of nil prints none.
func (e *env) table(header []string, rows [][]string) {
	all := rows
	if header != nil {
		all = append([][]string{header}, rows...)
	}
	_ = terminal.Columns(e.stdout, all, func(row int, cell string) string {
		if row == 0 && header != nil {
			return cell
		}
		return e.paint(cell)
	})
}

// paint colours the words that people look for.
func (e *env) paint(word string) string {
	if !e.colour {
		return word
	}
	colour := 0
	switch word {
	case "allow", "pass", "ok", "yes":
		colour = 32
	case "deny", "FAIL", "failed", "no":
		colour = 31
	case "require_approval", "warn", "indeterminate":
		colour = 33
	default:
		return word
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, word)
}

func plain(s string) string { return terminal.Plain(s) }

// lines prints text with what a terminal would obey escaped, its line ends kept and tabs as four spaces.
func lines(w io.Writer, text string) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\t", "    ")) {
		fmt.Fprintln(w, plain(strings.TrimSuffix(line, "\n")))
	}
}

// short cuts text for a column.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
