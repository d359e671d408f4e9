package mcp

import (
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// verdictMember is the member of _meta, and of an error's data, that says why a request was refused.
const verdictMember = "ai.agentmesh/verdict"

// retryable reports whether the same request may fare better later.
func retryable(c abi.Code) bool {
	switch c {
	case abi.CodeRateLimited, abi.CodeBreakerOpen, abi.CodeOverloaded, abi.CodeLedgerFailed, abi.CodeStateFailed, abi.CodeWatchdog:
		return true
	}
	return false
}

// appendVerdict appends {"code","rule","decisionId","retryable","retryAfter"}; what is empty is left out but for code and
// retryable.
func appendVerdict(dst []byte, v *abi.Verdict) []byte {
	dst = abi.AppendString(append(dst, `{"code":`...), string(v.Code))
	if v.Rule != "" {
		dst = abi.AppendString(append(dst, `,"rule":`...), v.Rule)
	}
	if v.ID != "" {
		dst = abi.AppendString(append(dst, `,"decisionId":`...), v.ID)
	}
	dst = strconv.AppendBool(append(dst, `,"retryable":`...), retryable(v.Code))
	if v.RetryAfter > 0 {
		dst = strconv.AppendInt(append(dst, `,"retryAfter":`...), v.RetryAfter, 10)
	}
	return append(dst, '}')
}

// explain says for people and models why something was refused, what can be done about it, and whether trying again helps.
func explain(v *abi.Verdict, advice string) string {
	text := "Refused by AgentMesh"
	switch {
	case v.Decision == abi.RequireApproval:
		text += ": a person must approve this first, and nobody can be asked"
	case v.Code == abi.CodeNoRule:
		text += ": no rule allows this"
	}
	if v.Rule != "" {
		text += " (rule " + v.Rule
		if v.Policy != "" {
			text += " of " + v.Policy
		}
		text += ")"
	}
	if v.Reason != "" {
		text += ": " + strings.TrimRight(v.Reason, ". ")
	}
	if advice != "" {
		text += ". " + advice
	}
	switch {
	case v.RetryAfter > 0:
		text += ". Try again in " + strconv.FormatInt(v.RetryAfter, 10) + " s"
	case !retryable(v.Code):
		text += ". Trying again will not help"
	}
	if v.ID != "" {
		text += ". Decision " + v.ID
	}
	return text + "."
}

// advice says what a person can do so that the same request passes; empty: nothing that is known here.
func (p *Proxy) advice(e *entry) string {
	tool := e.subject.Tool
	switch {
	case e.route == toolCall && p.isChanged(tool):
		return "The server has changed this tool since it was first seen: `" + toolsCommand("diff", p.c.Server, tool) +
			"` shows how, `" + toolsCommand("approve", p.c.Server, tool) + "` accepts it for the next session"
	case e.verdict.Decision == abi.RequireApproval:
		return "A person can do it by hand, or let it pass from now on by a policy in the place of " + e.verdict.Policy +
			" whose rules allow it (agentmesh proxy --policy FILE)"
	}
	return ""
}

// toolsCommand is a command line for people.
func toolsCommand(verb, server, tool string) string {
	return "agentmesh tools " + verb + " " + word(server, "SERVER") + " " + word(tool, "TOOL")
}

// word is a name as people may paste it into a shell, or what stands for it: servers choose their names.
func word(name, otherwise string) string {
	if name == "" || name[0] == '-' || strings.ContainsFunc(name, unlikeAWord) {
		return otherwise
	}
	return name
}

func unlikeAWord(r rune) bool {
	return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./@", r)
}

// appendAnswer begins an answer; id is raw.
func appendAnswer(dst, id []byte) []byte {
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	return append(dst, ',')
}

// errorAnswer is a JSON-RPC error; v, if there is one, becomes its data.
func errorAnswer(id []byte, code int, message string, v *abi.Verdict) []byte {
	out := appendAnswer(nil, id)
	out = strconv.AppendInt(append(out, `"error":{"code":`...), int64(code), 10)
	out = abi.AppendString(append(out, `,"message":`...), message)
	if v != nil {
		out = append(out, `,"data":{"`+verdictMember+`":`...)
		out = append(appendVerdict(out, v), '}')
	}
	return append(out, "}}"...)
}

// errorResult is a tool's result that has isError. A text stands in it for the model.
func errorResult(text string, v *abi.Verdict, modern bool) []byte {
	out := append([]byte(nil), '{')
	if modern {
		out = append(out, `"resultType":"complete",`...)
	}
	out = abi.AppendString(append(out, `"content":[{"type":"text","text":`...), text)
	out = append(out, `}],"isError":true,"_meta":{"`+verdictMember+`":`...)
	return append(appendVerdict(out, v), "}}"...)
}

func resultAnswer(id, result []byte) []byte {
	out := append(appendAnswer(nil, id), `"result":`...)
	return append(append(out, result...), '}')
}

// refusal is the answer to a request that was refused. lacking: it calls a tool that the last list seen does not have.
func (p *Proxy) refusal(e *entry, lacking bool) []byte {
	v := &e.verdict
	switch {
	case e.code != 0:
		return errorAnswer(e.id, e.code, explain(v, p.advice(e)), v)
	case lacking:
		return errorAnswer(e.id, codeInvalidParams, "Unknown tool: "+e.text("name"), v)
	case e.route == toolCall && p.c.Refusal == RefuseByResult:
		return resultAnswer(e.id, errorResult(explain(v, p.advice(e)), v, e.modern))
	default:
		return errorAnswer(e.id, CodeRefused, explain(v, p.advice(e)), v)
	}
}
