package policy

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"
)

// match runs the automaton as the module does.
func (d *automaton) match(s string) bool {
	state := dfaStart * d.columns
	for i := range len(s) {
		state = int(d.table[state+int(d.classes[s[i]])])
	}
	return d.table[state+d.columns-1] == dfaMatched
}

func TestAutomataAreBounded(t *testing.T) {
	for _, pattern := range []string{
		`(a|b)*a(a|b){12}`,
		`[ab]*a[ab]{40}`,
		`(\pL{50}|\pN{50}){10}`,
		strings.Repeat(`\pL\pN`, 40),
		`((((a{10}){10}){10})b?){3}`,
	} {
		_, err := compileDFA(pattern)
		var invalid *syntax.Error
		if !errors.Is(err, errAutomatonTooLarge) && !errors.As(err, &invalid) {
			t.Errorf("%.40s: got %v, want it refused", pattern, err)
		}
	}
}

func TestAutomataAgreeWithRegexp(t *testing.T) {
	texts := []string{
		"", "a", "b", "ab", "ba", "aé", "éa", "aéa", "é", "日本", "日本語", "\n", "a\n", "\na", "a\nb", "a_b", "a b", "A", "ſ", "K", "ß", "SS",
		"/etc/passwd", "/ETC/passwd", "xyz.exe", "rm -rf /", "\U0010FFFF", "\uFFFD", "\u0800", "\u07ff", "\U00010000", "\x7f\u0080",
	}
	for _, pattern := range []string{
		``, `^`, `$`, `^$`, `\A\z`, `a`, `^a`, `a$`, `^a$`, `(?m)^b`, `(?m)a$`, `\ba\b`, `\B`, `\b`, `^\B$`, `.`, `(?s).`, `^.$`, `^..$`, `(?s)^...$`,
		`[^a]`, `^[^a]+$`, `(?i)k`, `(?i)s`, `(?i)^ß$`, `[\x{80}-\x{10FFFF}]`, `^[\x{7f}-\x{800}]+$`, `[日-語]`, `\pL`, `^\PL+$`, `\d+`, `\w\W`, `a|b|é`, `(ab)*c?$`,
		`^/etc`, `(?i)^/etc/(passwd|shadow)$`, `\.(exe|dll)$`, `rm\s+-rf`, `a{2,4}`, `(a?){3}a{3}`, `\x{FFFD}`, `[[:alpha:]]`, `x*`, `(|a)b`, `[^\x00-\x{10FFFF}]`, `a[^\x00-\x{10FFFF}]|b`,
	} {
		d, err := compileDFA(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		re := regexp.MustCompile(pattern)
		for _, text := range texts {
			if got, want := d.match(text), re.MatchString(text); got != want {
				t.Errorf("%s on %q: got %v, want %v", pattern, text, got, want)
			}
		}
	}
}

func FuzzAutomaton(f *testing.F) {
	f.Add(`(?i)a.b|\bé$`, "aéb")
	f.Add(`^(a|b)*[^c-x]{2}\B`, "abz\n_")
	f.Add(`(?m)^x$|日+`, "a\nx\n日")
	f.Add(`(?s)\A.*\z`, "\x00\U0010FFFF")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 200 || !utf8.ValidString(text) {
			t.Skip("longer than what is compared, or no text")
		}
		re, err := regexp.Compile(pattern)
		d, derr := compileDFA(pattern)
		if errors.Is(derr, errAutomatonTooLarge) {
			t.Skip("refused by design: the automaton would be too large")
		}
		if (err == nil) != (derr == nil) {
			t.Fatalf("%q: regexp says %v, the automaton %v", pattern, err, derr)
		}
		if err != nil {
			return
		}
		if got, want := d.match(text), re.MatchString(text); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, text, got, want)
		}
	})
}
