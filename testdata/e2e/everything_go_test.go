package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// goEverything is the conformance server of the Go SDK, which speaks both eras.
func goEverything(testing.TB) []string { return []string{filepath.Join(built, "everything-server")} }

// plainGo takes out updates of the one resource that changes every three seconds by the clock, and what the server says of
// the call that is called off: how far it gets by then is up to the machine. That these come through unchanged is seen at
// the tap.
func plainGo(line string) string {
	updated := strings.Contains(line, `"method":"notifications/resources/updated"`) && strings.Contains(line, "watched-resource")
	if updated || strings.Contains(line, `"id":"called off","result"`) || strings.Contains(line, `"id":"called off","error"`) ||
		strings.Contains(line, `"method":"notifications/progress"`) && strings.Contains(line, `"progressToken":"off"`) {
		return ""
	}
	return line
}

// callOff has a call with progress called off once it is under way: one that is still being decided would never reach the
// server.
func (a *actor) callOff(params string) {
	a.t.Helper()
	a.say(`{"jsonrpc":"2.0","id":"called off","method":"tools/call","params":` + params + `}`)
	a.note("notifications/progress", `"off"`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"called off","reason":"changed my mind"}}`)
}

// plainTools are the Go server's tools that neither ask the client nor change a list.
func plainTools() []string {
	return []string{
		"test_simple_text", "test_image_content", "test_audio_content", "test_embedded_resource", "test_multiple_content_types",
		"test_error_handling", "test_missing_capability", "test_streaming_elicitation", "test_reconnection",
	}
}

// playGoLegacy is a session of the legacy era.
func playGoLegacy(a *actor) {
	a.greet()
	a.anyLegacy()
	a.with("logging/setLevel", `{"level":"debug"}`)
	for _, name := range plainTools() {
		a.tool(name, `{}`)
	}
	a.tool("test_tool_with_logging", `{}`)
	a.tool("json_schema_2020_12_tool", `{"name":"\u00c9va","email":"eva@example.com","address":{"street":"a\/b","city":"c"}}`)
	a.tool("test_x_mcp_header", `{"region":"eu","level":1e1}`)
	for _, token := range []string{`"token"`, `17`} {
		a.with("tools/call", `{"name":"test_tool_with_progress","arguments":{},"_meta":{"progressToken":`+token+`,"x":1.0}}`)
	}
	a.tool("test_sampling", `{"prompt":"the capital of France?"}`)
	a.tool("test_elicitation", `{"message":"who?"}`)
	a.tool("test_elicitation_sep1034_defaults", `{}`)
	a.tool("test_elicitation_sep1330_enums", `{}`)
	a.goLists(a.with)
	a.with("resources/subscribe", `{"uri":"test://watched-resource"}`)
	a.note("notifications/resources/updated", "watched-resource")
	a.with("resources/unsubscribe", `{"uri":"test://watched-resource"}`)
	a.tool("test_trigger_tool_change", `{}`)
	a.note("notifications/tools/list_changed", "")
	a.tool("test_trigger_prompt_change", `{}`)
	a.note("notifications/prompts/list_changed", "")
	a.with("tools/list", `{}`)
	a.callOff(`{"name":"test_tool_with_progress","arguments":{},"_meta":{"progressToken":"off"}}`)
	a.with("ping", `{}`)
	a.burst("test_simple_text", "ignored")
}

// goLists reads prompts, resources and completions of the Go server.
func (a *actor) goLists(with func(method, params string) message) {
	with("prompts/get", `{"name":"test_simple_prompt"}`)
	with("prompts/get", `{"name":"test_prompt_with_arguments","arguments":{"arg1":"\u00e9","arg2":"<&>"}}`)
	with("prompts/get", `{"name":"test_prompt_with_embedded_resource","arguments":{"resourceUri":"test://x"}}`)
	with("prompts/get", `{"name":"test_prompt_with_image"}`)
	for _, uri := range []string{"test://static-text", "test://static-binary", "test://template/17/data", "test://none"} {
		with("resources/read", `{"uri":"`+uri+`"}`)
	}
	with("completion/complete", `{"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"t"}}`)
}

// modernMeta is what each request of the modern era carries.
const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modern + `",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"e2e","version":"1.0.0"},"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",` +
	`"io.modelcontextprotocol/clientCapabilities":{"roots":{},"sampling":{},"elicitation":{"form":{}}}`

// modern sends a request of the modern era, with more members of _meta.
func (a *actor) modern(method, params, meta string) message {
	a.t.Helper()
	return a.with(method, inModern(params, meta))
}

func inModern(params, meta string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(params, "{"), "}")
	if inner != "" {
		inner = "," + inner
	}
	return "{" + modernMeta + meta + "}" + inner + "}"
}

// playGoModern is a session of the modern era: no handshake, and the server asks within results.
func playGoModern(a *actor) {
	plain := func(method, params string) message { return a.modern(method, params, "") }
	plain("server/discover", `{}`)
	for _, list := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
		plain(list, `{}`)
	}
	plain("tools/list", `{"cursor":"none"}`)
	a.with("tools/list", `{}`)
	a.with("tools/list", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2999-01-01","io.modelcontextprotocol/clientCapabilities":{}}}`)
	plain("no/such", `{"x":1.0}`)
	plain("ping", `{}`)
	a.goLists(plain)
	for _, name := range plainTools() {
		plain("tools/call", `{"name":"`+name+`","arguments":{}}`)
	}
	plain("tools/call", `{"name":"no-such-tool"}`)
	a.modern("tools/call", `{"name":"test_logging_tool"}`, `,"io.modelcontextprotocol/logLevel":"debug"`)
	a.modern("tools/call", `{"name":"test_tool_with_logging"}`, `,"io.modelcontextprotocol/logLevel":"info"`)
	a.modern("tools/call", `{"name":"test_tool_with_progress"}`, `,"progressToken":"p"`)
	a.rounds()
	a.listens()
	a.callOff(inModern(`{"name":"test_tool_with_progress"}`, `,"progressToken":"off"`))
	plain("server/discover", `{}`)
	for i := range 100 {
		a.say(fmt.Sprintf(`{"id":"burst %d","jsonrpc":"2.0","method":"tools/call","params":%s}`, i, inModern(`{"name":"test_simple_text"}`, "")))
	}
	a.since = 0
	for i := range 100 {
		a.answered(fmt.Sprintf(`"burst %d"`, i))
	}
}

// rounds are calls in which the server asks for input and the client calls again, with a new id and the server's state.
func (a *actor) rounds() {
	const (
		accepted = `{"action":"accept","content":{"name":"Ada","ok":true,"color":"plum","context":"pears"}}`
		sampled  = `{"role":"assistant","model":"none","content":{"type":"text","text":"Paris"}}`
		roots    = `{"roots":[{"uri":"file:///srv/shop"}]}`
	)
	given := map[string]string{
		"user_name": accepted, "confirm": accepted, "step1": accepted, "step2": accepted, "user_context": accepted,
		"capital_question": sampled, "greeting": sampled, "client_roots": roots,
	}
	for _, name := range []string{
		"elicitation", "sampling", "list_roots", "request_state", "multiple_inputs", "multi_round", "tampered_state", "capabilities", "prompt",
	} {
		method := map[bool]string{false: "tools/call", true: "prompts/get"}[name == "prompt"]
		name = "test_input_required_result_" + name
		m := a.modern(method, `{"name":"`+name+`"}`, "")
		for range 3 {
			var r struct {
				InputRequests map[string]json.RawMessage
				RequestState  string
			}
			if err := json.Unmarshal(m.Result, &r); err != nil {
				a.t.Fatalf("%s: %v: %s", name, err, m.line)
			}
			if r.InputRequests == nil {
				break
			}
			replies := map[string]json.RawMessage{}
			for key := range r.InputRequests {
				replies[key] = json.RawMessage(given[key])
			}
			state, err1 := json.Marshal(r.RequestState)
			responses, err2 := json.Marshal(replies)
			if err1 != nil || err2 != nil {
				a.t.Fatal(err1, err2)
			}
			m = a.modern(method, fmt.Sprintf(`{"name":%q,"requestState":%s,"inputResponses":%s}`, name, state, responses), "")
		}
		if strings.Contains(m.line, "inputRequests") || strings.Contains(m.line, `"error"`) {
			a.t.Fatalf("%s does not come to an end: %s", name, m.line)
		}
	}
	a.modern("tools/call", `{"name":"test_input_required_result_tampered_state","requestState":"x-TAMPERED","inputResponses":{"confirm":`+accepted+`}}`, "")
}

// listens subscribes to changes, causes two, and ends the subscription.
func (a *actor) listens() {
	a.last++
	id := a.last
	a.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":%s}`, id,
		inModern(`{"notifications":{"toolsListChanged":true,"promptsListChanged":true}}`, "")))
	a.note("notifications/subscriptions/acknowledged", "")
	a.modern("tools/call", `{"name":"test_trigger_tool_change"}`, "")
	a.note("notifications/tools/list_changed", "")
	a.modern("tools/call", `{"name":"test_trigger_prompt_change"}`, "")
	a.note("notifications/prompts/list_changed", "")
	a.say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
	a.modern("tools/list", `{}`, "")
}
