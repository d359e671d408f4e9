package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
)

// Format is a form of export.
type Format uint8

const (
	// JSONLines is one line for each entry: {"shard":0,"index":17,"entry":{…}}, the entry as stored, but a body that stands
	// apart in its place.
	JSONLines Format = iota
	// CloudEvents is one CloudEvents 1.0 event in its JSON format on each line.
	CloudEvents
)

// ParseFormat reads "jsonl" or "cloudevents".
func ParseFormat(s string) (Format, error) {
	switch s {
	case "jsonl":
		return JSONLines, nil
	case "cloudevents":
		return CloudEvents, nil
	}
	return 0, fmt.Errorf("export format %q is unknown; write jsonl or cloudevents", s)
}

// Export writes the entries that f chooses.
func (r *Reader) Export(ctx context.Context, w io.Writer, format Format, f Filter) error {
	out := bufio.NewWriterSize(w, 64<<10)
	origins := make(map[int]string)
	var line []byte
	for record, err := range r.Records(ctx, f) {
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		switch format {
		case CloudEvents:
			source, known := origins[record.At.Shard]
			if !known {
				c, err := readUnchecked(shardDir(r.dir, record.At.Shard))
				if err != nil {
					return fmt.Errorf("export: %w", err)
				}
				source = c.Origin
				origins[record.At.Shard] = source
			}
			line = AppendCloudEvent(line[:0], &record, source)
		default:
			line = appendLine(line[:0], &record)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func appendLine(dst []byte, r *Record) []byte {
	dst = strconv.AppendInt(append(dst, `{"shard":`...), int64(r.At.Shard), 10)
	dst = strconv.AppendInt(append(dst, `,"index":`...), r.At.Index, 10)
	dst = AppendEntry(append(dst, `,"entry":`...), &r.Entry)
	return append(dst, '}')
}

// AppendCloudEvent appends a record as a CloudEvents 1.0 event in JSON. source is the shard's origin; the id is the place
// in it, so source and id together are unique, as CloudEvents demands. The subject is the agent, data the whole entry, and
// sequence (an extension of CloudEvents) the index with leading zeros, so that it sorts as text.
func AppendCloudEvent(dst []byte, r *Record, source string) []byte {
	dst = appendString(append(dst, `{"specversion":"1.0","id":`...), r.At.String())
	dst = appendString(append(dst, `,"source":`...), source)
	dst = appendString(append(dst, `,"type":`...), EventType(&r.Entry))
	dst = appendTime(append(dst, `,"time":"`...), r.Time)
	dst = append(dst, '"')
	if r.Agent != "" {
		dst = appendString(append(dst, `,"subject":`...), r.Agent)
	}
	dst = fmt.Appendf(dst, `,"sequence":"%020d","datacontenttype":"application/json","data":`, r.At.Index)
	return append(AppendEntry(dst, &r.Entry), '}')
}

// EventType is the CloudEvents type of an entry, "ai.agentmesh.…".
func EventType(e *Entry) string {
	const prefix = "ai.agentmesh."
	switch e.Kind {
	case KindDecision:
		switch {
		case e.Tool != "" && e.Decision == "allow":
			return prefix + "tool.invoked"
		case e.Tool != "" && e.Decision == "deny":
			return prefix + "tool.blocked"
		}
		return prefix + "policy.evaluation"
	case KindRefused:
		return prefix + "policy.violation"
	case KindSet:
		return prefix + "policy.set"
	case KindOutcome:
		return prefix + "tool.completed"
	case KindList:
		return prefix + "tool.listed"
	case KindTools:
		return prefix + "tool.announced"
	case KindTrust:
		return prefix + "trust.changed"
	case KindAgent:
		return prefix + "agent.registered"
	}
	return prefix + "audit." + e.Kind // start, stop
}
