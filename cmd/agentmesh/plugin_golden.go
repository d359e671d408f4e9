package main

import (
	"fmt"
	"slices"
	"strings"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// golden is one golden case of any kind of plugin.
type golden struct {
	name     string
	export   string
	input    []byte
	settings abi.Value
	// differences says where an answer is not what the case wants.
	differences func(answer string) []string
	// want is what a case would say that wants this answer, in YAML.
	want func(answer string) (string, error)
}

// exportOf is the function that a plugin of that kind is asked by unless a case says otherwise.
func exportOf(kind string) string {
	if kind == abi.KindCompliance {
		return "check"
	}
	return abi.Exports(kind)[0]
}

// casesJSON is a file of cases as a module carries them.
func casesJSON(kind, file, text string) (string, error) {
	if kind == abi.KindPolicy {
		cases, err := policy.ReadCases(file, text)
		return string(abi.AppendCases(nil, cases)), err
	}
	v, err := policy.ReadValue(file, text)
	if err != nil {
		return "", err
	}
	out := string(abi.AppendJSON(nil, v))
	if kind == abi.KindReward {
		cases, err := abi.ReadScoreCases(out)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		return string(abi.AppendScoreCases(nil, cases)), nil
	}
	if _, err := functionCases(v); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// goldenOf reads the cases that a module carries; empty text holds none.
func goldenOf(kind, text string) ([]golden, error) {
	if text == "" {
		return nil, nil
	}
	switch kind {
	case abi.KindPolicy:
		cases, err := abi.ReadCases(text)
		return each(cases, policyCase), err
	case abi.KindReward:
		cases, err := abi.ReadScoreCases(text)
		return each(cases, rewardCase), err
	default:
		v, err := abi.ReadValue(text)
		if err != nil {
			return nil, err
		}
		return functionCases(v)
	}
}

func each[C any](cases []C, of func(*C) golden) []golden {
	var out []golden
	for i := range cases {
		out = append(out, of(&cases[i]))
	}
	return out
}

func policyCase(c *abi.Case) golden {
	return golden{
		name: c.Name, export: exportOf(abi.KindPolicy), input: abi.AppendRequest(nil, &c.Request), settings: c.Settings,
		differences: func(answer string) []string {
			found, err := abi.ReadFindings(answer)
			if err != nil {
				return []string{err.Error()}
			}
			return c.Want.Differences(found)
		},
		want: func(answer string) (string, error) { return wantFindings(answer, c.Want.Code != "") },
	}
}

func rewardCase(c *abi.ScoreCase) golden {
	return golden{
		name: c.Name, export: exportOf(abi.KindReward), input: abi.AppendScoreRequest(nil, &c.Request), settings: c.Settings,
		differences: func(answer string) []string {
			s, err := abi.ReadScore(answer)
			if err != nil {
				return []string{err.Error()}
			}
			return c.Want.Differences(&s)
		},
		want: func(answer string) (string, error) {
			s, err := abi.ReadScore(answer)
			return fmt.Sprintf("{delta: %d, reasons: %s}", s.Delta, abi.AppendJSON(nil, abi.StringsValue(s.Reasons))), err
		},
	}
}

func wantFindings(answer string, code bool) (string, error) {
	found, err := abi.ReadFindings(answer)
	if err != nil {
		return "", err
	}
	i := abi.Strongest(found)
	if i < 0 {
		return "{decision: abstain}", nil
	}
	want := "{decision: " + found[i].Decision.String() + ", rule: " + yamlText(found[i].Rule)
	if code && found[i].Decision.Deciding() {
		name := abi.CodeRule
		if found[i].Rule == policy.DefaultRule {
			name = abi.CodeDefault
		}
		want += ", code: " + string(name)
	}
	return want + "}", nil
}

// yamlText is text as YAML takes it for text: quoted where it is more than a plain name.
func yamlText(s string) string {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	plain := s != "" && letter(rune(s[0])) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
	if plain && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return string(abi.AppendString(nil, s))
}

// functionCases are cases of exports whose messages have shapes of their own, those of kind compliance:
//
//	[{"name":"…","export":"check","request":…,"settings":…,"want":…}]
//
// The answer must be what is wanted, whole.
func functionCases(v abi.Value) ([]golden, error) {
	if v.Kind() != abi.List {
		return nil, fmt.Errorf("cases must be a list, not %s", v.Kind())
	}
	var out []golden
	for i, item := range v.Items() {
		c := item.Value
		g := golden{
			name: c.Get("name").Text(), export: c.Get("export").Text(), input: abi.AppendJSON(nil, c.Get("request")), settings: c.Get("settings"),
			differences: func(answer string) []string { return sameValue(c.Get("want"), answer) },
			want:        func(answer string) (string, error) { return answer, nil },
		}
		for _, m := range c.Items() {
			if !slices.Contains([]string{"name", "export", "request", "settings", "want"}, m.Name) {
				return nil, fmt.Errorf("case %d: %q is no member of a case", i+1, m.Name)
			}
		}
		switch {
		case g.name == "" || !c.Get("request").Exists() || !c.Get("want").Exists():
			return nil, fmt.Errorf("case %d: name, request and want must be there", i+1)
		case !slices.Contains(abi.Exports(abi.KindCompliance), g.export):
			return nil, fmt.Errorf("case %q: export must be one of %s", g.name, strings.Join(abi.Exports(abi.KindCompliance), ", "))
		}
		out = append(out, g)
	}
	return out, nil
}

func sameValue(want abi.Value, answer string) []string {
	got, err := abi.ReadValue(answer)
	switch {
	case err != nil:
		return []string{err.Error()}
	case !got.Equal(want):
		return []string{fmt.Sprintf("answer: want %s, got %s", abi.AppendJSON(nil, want), answer)}
	default:
		return nil
	}
}
