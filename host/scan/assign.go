package scan

import (
	"encoding/base64"
	"math"
	"strings"
)

// assignment looks around a colon or an equals sign: a URL with a password, or a credential's name and its value.
func (s *scanner) assignment(i int) int {
	t := s.text
	if strings.HasPrefix(t[i:], "://") {
		return s.userinfo(i + 3)
	}
	if i+1 < len(t) && t[i+1] == t[i] {
		return 0 // the last of several is looked at
	}
	name := nameBefore(t, i)
	if name == "" {
		return 0
	}
	what := credential(name)
	if what == None {
		return 0
	}
	value, start, quoted := valueAfter(t, i)
	if value == "" || !s.worth(what, name, value, quoted) {
		return 0
	}
	if k := s.token(start, wordEnd(t, start)); k > 0 {
		return k
	}
	if what == AWSSecretKey && len(value) != 40 {
		what = GenericSecret
	}
	s.found(what, start, start+len(value))
	return start + len(value)
}

func wordEnd(t string, i int) int {
	for i < len(t) && isWord(t[i]) {
		i++
	}
	return i
}

// nameBefore is the identifier before the sign, quotes and blanks between left out.
func nameBefore(t string, i int) string {
	k, limit := i, max(0, i-72)
	for k > limit && (t[k-1] == ' ' || t[k-1] == '\t' || t[k-1] == '"' || t[k-1] == '\'' || t[k-1] == ']' || t[k-1] == '\\' || t[k-1] == '`' || t[k-1] == ':') {
		k--
	}
	from := k
	for from > limit && (isWord(t[from-1]) || t[from-1] == '-') {
		from--
	}
	return t[from:k]
}

// credential tells what a name holds by its end, in any spelling of words (api_key, apiKey, API-KEY); None when it is no
// credential's name.
func credential(name string) Kind {
	if len(name) < 3 {
		return None
	}
	var buf [72]byte
	n := 0
	for i := range len(name) {
		b := name[i]
		if isUpper(b) {
			b |= 0x20
		}
		if b != '_' && b != '-' {
			buf[n] = b
			n++
		}
	}
	w := string(buf[:n])
	switch {
	case hasAnySuffix(w, "password", "passwd", "pwd", "passphrase", "passwort", "contraseña", "userpass", "dbpass", "pgpass", "mysqlpass", "rootpass", "adminpass"), w == "pass":
		return Password
	case strings.HasSuffix(w, "secretaccesskey"), strings.HasSuffix(w, "awssecretkey"), strings.HasSuffix(w, "awssecret"):
		return AWSSecretKey
	case hasAnySuffix(w, "accountkey", "sharedaccesskey", "storagekey"):
		return AzureKey
	case hasAnySuffix(w, "pagetoken", "nexttoken", "continuationtoken", "synctoken", "csrftoken", "xsrftoken", "cursortoken",
		"progresstoken", "canceltoken", "cancellationtoken", "eostoken", "bostoken", "padtoken", "stoptoken"):
		return None
	case hasAnySuffix(w, "token", "secret", "apikey", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey",
		"masterkey", "authkey", "apisecret", "clientsecret", "credential", "credentials", "sessionkey", "apitoken", "servicekey", "subscriptionkey"):
		return GenericSecret
	}
	return None
}

func hasAnySuffix(w string, suffixes ...string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(w, x) {
			return true
		}
	}
	return false
}

// valueAfter is the value behind the sign: to the closing quote, or to the next blank or delimiter.
func valueAfter(t string, i int) (value string, start int, quoted bool) {
	k, limit := i, min(len(t), i+12)
	for k < limit && (t[k] == ':' || t[k] == '=' || t[k] == '>' || t[k] == ' ' || t[k] == '\t' || t[k] == '\\') {
		k++
	}
	if k >= len(t) {
		return "", 0, false
	}
	end := min(len(t), k+512)
	if q := t[k]; q == '"' || q == '\'' || q == '`' {
		k++
		for j := k; j < end; j++ {
			if t[j] == '\n' {
				break // cut off: the value ends as one without quotes does
			}
			if t[j] == q || t[j] == '\\' && j+1 < end && t[j+1] == q {
				return t[k:j], k, true
			}
		}
	}
	j := k
	for j < end && t[j] > ' ' && t[j] < 0x80 && strings.IndexByte(",;\"'`<>)}]&|", t[j]) < 0 {
		if t[j] == '=' && j+1 < end && isWord(t[j+1]) {
			break // another assignment: padding stands at the end
		}
		j++
	}
	return t[k:j], k, false
}

// worth tells a credential from the many things that stand in its place: placeholders, references, types, words.
func (s *scanner) worth(what Kind, name, v string, quoted bool) bool {
	if len(v) < 5 || placeholder(v) || len(name) >= 5 && hasFoldAny(v, name[:5]) {
		return false
	}
	letters, ds, marks := census(v)
	if what != Password {
		n := 16
		if what == AWSSecretKey || what == AzureKey {
			n = 32
		}
		return len(v) >= n && (ds > 1 || ds == 1 && turns(v) > len(v)*2/5) && letters > 0 && credential(v[max(0, len(v)-72):]) == None && run(v, 0, "/", len(v)) >= len(v)-countAny(v, ".-~%:") &&
			entropy(v) >= 3.2 && !uuidToken(name, v)
	}
	if strings.ContainsAny(v, "()[]{} ") && !(quoted && ds > 0 && !strings.ContainsAny(v, "(){} ")) {
		return false
	}
	switch {
	case ds > 0:
		return len(v) >= 6 || marks > 0
	case marks > 0 && strings.Trim(v, "._-/:") != "" && countAny(v, "._-/:") < marks:
		return true
	}
	return quoted && len(v) >= 8 && marks == 0 && !wordy(v)
}

// turns counts where a value goes from one class of bytes to another: often by chance, seldom in a name.
func turns(v string) int {
	n := 0
	for i := 1; i < len(v); i++ {
		if classes[v[i]] != classes[v[i-1]] {
			n++
		}
	}
	return n
}

// hasFoldAny reports whether v begins with a prefix, without regard to case.
func hasFoldAny(v, prefix string) bool {
	return len(v) >= len(prefix) && strings.EqualFold(v[:len(prefix)], prefix)
}

// uuidToken leaves identifiers of sessions and the like alone; a UUID under the name of a key or a secret counts.
func uuidToken(name, v string) bool {
	return len(v) == 36 && strings.Count(v, "-") == 4 && strings.HasSuffix(strings.ToLower(name), "token")
}

func census(v string) (letters, ds, marks int) {
	for i := range len(v) {
		switch {
		case isDigit(v[i]):
			ds++
		case isLetter(v[i]) || v[i] >= 0x80:
			letters++
		default:
			marks++
		}
	}
	return letters, ds, marks
}

func countAny(v, chars string) int {
	n := 0
	for i := range len(v) {
		if strings.IndexByte(chars, v[i]) >= 0 {
			n++
		}
	}
	return n
}

// placeholder is a value that stands for a secret, or a reference to one.
func placeholder(v string) bool {
	switch v[0] {
	case '$', '<', '{', '%', '*', '&', '@', '!', '#':
		if len(v) < 2 || v[0] != '!' && v[0] != '#' && v[0] != '@' || v[0] == '!' && v[1] == 'v' {
			return true
		}
	}
	if same([]byte(v)) {
		return true
	}
	for _, p := range [...]string{
		"your", "my_", "my-", "xxx", "changeme", "change_me", "change-me", "placeholder", "redacted", "process.env", "os.environ",
		"os.getenv", "env.", "secrets.", "vault:", "config.", "settings.", "self.", "this.", "example", "insert", "replace",
		"todo", "null", "none", "true", "false", "undefined", "string", "required", "optional", "hidden", "masked", "encrypted",
		"file:", "/run/secrets", "/etc/", "http://", "https://", "sha256:", "sha512-",
	} {
		if hasFold(v, p) {
			return true
		}
	}
	return strings.Contains(v, "EXAMPLE") || strings.Contains(v, "****") || strings.Contains(v, "${") || strings.Contains(v, "{{") || strings.Contains(v, "...")
}

// wordy is a value of letters that belongs to a form or a message rather than to a lock.
func wordy(v string) bool {
	for _, w := range [...]string{"pass", "enter", "your", "invalid", "forgot", "reset", "confirm", "field", "input", "secret", "token", "credential", "login", "missing", "incorrect", "expired"} {
		for i := 0; i+len(w) <= len(v); i++ {
			if hasFold(v[i:], w) {
				return true
			}
		}
	}
	return false
}

// entropy is Shannon's, in bits a character.
func entropy(v string) float64 {
	var counts [256]int
	for i := range len(v) {
		counts[v[i]]++
	}
	h := 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(len(v))
			h -= p * math.Log2(p)
		}
	}
	return h
}

// userinfo looks at a URL's authority for user:password@.
func (s *scanner) userinfo(i int) int {
	t := s.text
	colon, end := 0, min(len(t), i+512)
	for k := i; k < end; k++ {
		switch b := t[k]; {
		case b == ':' && colon == 0:
			colon = k
		case b == '@':
			if colon > 0 && k-colon > 1 && !placeholder(t[colon+1:k]) && !isPasswordWord(t[colon+1:k]) {
				s.found(URLPassword, colon+1, k)
				return k
			}
			return 0
		case b <= ' ' || b == '/' || b == '"' || b == '\'' || b == '<' || b == '>' || b == '?' || b == '#' || b == '`':
			return 0
		}
	}
	return 0
}

func isPasswordWord(v string) bool {
	v = strings.Trim(v, "[]()")
	return strings.EqualFold(v, "password") || strings.EqualFold(v, "pass") || strings.EqualFold(v, "pwd")
}

// basicPair reports whether the text is base64 of user:password.
func basicPair(v string) bool {
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(v)
	}
	if err != nil {
		return false
	}
	colon := false
	for _, b := range raw {
		if b < ' ' || b > '~' {
			return false
		}
		colon = colon || b == ':'
	}
	return colon
}

// FindValue looks at a value under the name of its field, as in an object's member: what "name: value" would show in a
// text is found here too.
func FindValue(name, value string) Set {
	var s scanner
	what := credential(name[max(0, len(name)-72):])
	if what != None && value != "" && s.worth(what, name, value, true) {
		s.set.Add(what)
	}
	return s.set
}
