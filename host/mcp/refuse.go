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

// explain says for people and models why something was refused, and whether trying again helps.
func explain(v *abi.Verdict) string {
	text := "Refused by AgentMesh"
	switch {
	case v.Decision == abi.RequireApproval:
		text = "Refused by AgentMesh: a person must approve this first, and nobody can be asked"
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
		return errorAnswer(e.id, e.code, explain(v), v)
	case lacking:
		return errorAnswer(e.id, codeInvalidParams, "Unknown tool: "+e.text("name"), v)
	case e.route == toolCall && p.c.Refusal == RefuseByResult:
		return resultAnswer(e.id, errorResult(explain(v), v, e.modern))
	default:
		return errorAnswer(e.id, CodeRefused, explain(v), v)
	}
}
