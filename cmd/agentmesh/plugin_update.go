package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// update has cases.yaml want what the plugin answers, where it wants something else. Only what is wanted is written anew:
// comments, order and layout of the rest stay.
func (t *pluginTest) update(ctx context.Context, src *source) (err error) {
	ours, err := t.subject.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.close(ctx)) }()
	wants := map[string]string{}
	for i := range t.subject.golden {
		g := &t.subject.golden[i]
		answer, _, err := ours.ask(ctx, g)
		if err != nil {
			return fmt.Errorf("case %q: an answer is wanted, and not %w", g.name, err)
		}
		if len(g.differences(answer)) == 0 {
			continue
		}
		if wants[g.name], err = g.want(answer); err != nil {
			return fmt.Errorf("case %q: %w", g.name, err)
		}
	}
	if t.Updated = len(wants); t.Updated == 0 {
		return nil
	}
	file := filepath.Join(src.dir, casesFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mended, err := rewriteWants(string(text), wants)
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", file, err), "give each case's want lines of its own, or mend it by hand")
	}
	return writeWhole(file, []byte(mended))
}

// rewriteWants replaces what the cases of those names want.
func rewriteWants(text string, wants map[string]string) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return "", err
	}
	rows := strings.SplitAfter(text, "\n")
	list := doc.Content[0].Content
	for i := len(list) - 1; i >= 0; i-- { // from the end, so that lines before keep their numbers
		item, next := list[i], len(rows)
		if i+1 < len(list) {
			next = list[i+1].Line - 1
		}
		name, want := member(item, "name"), -1
		for j := 0; j+1 < len(item.Content); j += 2 {
			if item.Content[j].Value == "want" {
				want = j
			} else if want >= 0 && j == want+2 {
				next = item.Content[j].Line - 1
			}
		}
		mended, stale := wants[name]
		if !stale {
			continue
		}
		key := item.Content[want]
		from := key.Line - 1
		if before := strings.TrimSpace(rows[from][:key.Column-1]); before != "" && before != "-" || next <= from {
			return "", fmt.Errorf("line %d: what %q wants shares its line", key.Line, name)
		}
		for next > from+1 && blank(rows[next-1]) {
			next--
		}
		line := rows[from][:key.Column-1] + "want: " + mended + "\n"
		rows = append(rows[:from], append([]string{line}, rows[next:]...)...)
	}
	return strings.Join(rows, ""), nil
}

func member(item *yaml.Node, name string) string {
	for j := 0; j+1 < len(item.Content); j += 2 {
		if item.Content[j].Value == name {
			return item.Content[j+1].Value
		}
	}
	return ""
}

// blank reports whether a line holds no data.
func blank(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "#")
}
