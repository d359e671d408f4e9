package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of entries.
const (
	KindStart    = "start"    // a process took the shard; written by the ledger
	KindStop     = "stop"     // the process closed it in order; written by the ledger
	KindSet      = "set"      // judges, settings and configuration that decide from here on
	KindDecision = "decision" // a verdict with its request
	KindList     = "list"     // what a listing hid
	KindOutcome  = "outcome"  // what happened after a decision
	KindRefused  = "refused"  // a message that was refused before any judge saw it
	KindTools    = "tools"    // the tools a server announced
	KindTrust    = "trust"    // who or what is trusted: a trust root, a module, the stage of a rule version; a change of a trust score
	KindAgent    = "agent"    // a change in the agent registry
)

// Sizes of the format.
const (
	// MaxEntry is the largest entry in bytes: entry bundles have 16-bit lengths.
	MaxEntry = 65_535
	// MaxInlineBody is the largest body that stays in its entry; a larger one has a journal frame of its own.
	MaxInlineBody = 60_000
	// MaxBody is the largest body.
	MaxBody = 64 << 20
)

// TimeFormat is how entries write time: RFC 3339, UTC, microseconds, fixed width, so that it sorts as text.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// ErrTooLarge means an entry whose fields without the body exceed MaxEntry, or a body over MaxBody.
var ErrTooLarge = errors.New("entry is too large")

// ErrBody means a body that is not one JSON value in valid UTF-8.
var ErrBody = errors.New("body is not valid JSON")

// Entry is one thing that happened. Empty strings are left out of what is stored. Invalid UTF-8 in a string is stored as
// U+FFFD.
type Entry struct {
	// Kind is one of the Kind constants.
	Kind string
	// Time is stored in UTC to the microsecond; the zero time becomes the ledger's now.
	Time time.Time
	// ID names the entry for people and for outcomes; the caller makes it.
	ID                          string
	Agent, Server, Tool, Method string
	Decision, Code, Rule        string
	Policy, Set                 string
	// Body is one JSON value, or empty. It is stored byte for byte.
	Body []byte
}

// ID is the place of an entry: which shard, and which entry of it, from 0. Text form: "0/17".
type ID struct {
	Shard int
	Index int64
}

// String gives the text form.
func (id ID) String() string { return strconv.Itoa(id.Shard) + "/" + strconv.FormatInt(id.Index, 10) }

// ParseID reads the text form.
func ParseID(s string) (ID, error) {
	shard, index, found := strings.Cut(s, "/")
	n, err1 := strconv.Atoi(shard)
	i, err2 := strconv.ParseInt(index, 10, 64)
	id := ID{n, i}
	if !found || err1 != nil || err2 != nil || n < 0 || i < 0 || id.String() != s {
		return ID{}, fmt.Errorf("%q is no place in the ledger; write SHARD/INDEX, such as 0/17", s)
	}
	return id, nil
}

// fields lists the string fields in the order of the stored form.
func (e *Entry) fields() [10]field {
	return [10]field{
		{"id", &e.ID},
		{"agent", &e.Agent},
		{"server", &e.Server},
		{"tool", &e.Tool},
		{"method", &e.Method},
		{"decision", &e.Decision},
		{"code", &e.Code},
		{"rule", &e.Rule},
		{"policy", &e.Policy},
		{"set", &e.Set},
	}
}

type field struct {
	name  string
	value *string
}

// AppendEntry appends the stored form of e with its whole body, whatever its size:
//
//	{"v":1,"kind":"decision","time":"2026-11-23T08:10:00.000000Z","id":"d-1",…,"body":{…}}
func AppendEntry(dst []byte, e *Entry) []byte {
	dst = appendHead(dst, e)
	if len(e.Body) > 0 {
		dst = append(append(dst, `,"body":`...), e.Body...)
	}
	return append(dst, '}')
}

func appendHead(dst []byte, e *Entry) []byte {
	dst = append(dst, `{"v":1,"kind":`...)
	dst = appendString(dst, e.Kind)
	dst = append(dst, `,"time":"`...)
	dst = appendTime(dst, e.Time)
	dst = append(dst, '"')
	for _, f := range e.fields() {
		if *f.value != "" {
			dst = append(append(append(dst, ',', '"'), f.name...), '"', ':')
			dst = appendString(dst, *f.value)
		}
	}
	return dst
}

// appendTime is time.AppendFormat(TimeFormat) at a fraction of its cost.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, TimeFormat) // not fixed width, but not a lie
	}
	dst = append(appendDigits(dst, year, 4), '-')
	dst = append(appendDigits(dst, int(month), 2), '-')
	dst = append(appendDigits(dst, day, 2), 'T')
	dst = append(appendDigits(dst, hour, 2), ':')
	dst = append(appendDigits(dst, minute, 2), ':')
	dst = append(appendDigits(dst, second, 2), '.')
	return append(appendDigits(dst, t.Nanosecond()/1000, 6), 'Z')
}

func appendDigits(dst []byte, n, width int) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= start; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// encode appends the stored form and says whether the body has to stand in a frame of its own.
func (e *Entry) encode(dst []byte) (entry []byte, apart bool, err error) {
	switch {
	case len(e.Body) > MaxBody:
		return dst, false, fmt.Errorf("%w: its body has %d bytes, at most %d go in", ErrTooLarge, len(e.Body), MaxBody)
	case len(e.Body) > 0 && !validJSON(e.Body):
		return dst, false, ErrBody
	}
	start := len(dst)
	if len(e.Body) <= MaxInlineBody {
		dst = AppendEntry(dst, e)
		if len(dst)-start <= MaxEntry {
			return dst, false, nil
		}
		dst = dst[:start]
	}
	dst = appendHead(dst, e)
	if len(e.Body) > 0 {
		dst = appendReference(dst, e.Body)
	}
	dst = append(dst, '}')
	if len(dst)-start > MaxEntry {
		return dst[:start], false, fmt.Errorf("%w: %d bytes without its body, at most %d go in", ErrTooLarge, len(dst)-start, MaxEntry)
	}
	return dst, len(e.Body) > 0, nil
}

const referenceStart = `{"$body":"sha256:`

func appendReference(dst, body []byte) []byte {
	sum := sha256.Sum256(body)
	dst = append(dst, `,"body":`+referenceStart...)
	dst = hex.AppendEncode(dst, sum[:])
	dst = append(dst, `","len":`...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(dst, '}')
}

// reference reads the digest and the length when body stands elsewhere.
func reference(body []byte) (sum [sha256.Size]byte, length int64, ok bool) {
	if len(body) < len(referenceStart) || string(body[:len(referenceStart)]) != referenceStart {
		return sum, 0, false
	}
	s := string(body[len(referenceStart):min(len(body), 128)])
	if len(s) < 2*sha256.Size {
		return sum, 0, false
	}
	if _, err := hex.Decode(sum[:], []byte(s[:2*sha256.Size])); err != nil {
		return sum, 0, false
	}
	s, found := strings.CutPrefix(s[2*sha256.Size:], `","len":`)
	length, err := strconv.ParseInt(strings.TrimSuffix(s, "}"), 10, 64)
	return sum, length, found && err == nil && strings.HasSuffix(s, "}")
}
