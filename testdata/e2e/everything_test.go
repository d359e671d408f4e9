package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestTransparency plays whole sessions with the everything-servers of the TypeScript and the Go SDK, with the server alone
// and through the transparent profile.
func TestTransparency(t *testing.T) {
	for name, d := range map[string]drama{
		"legacy, TypeScript": {
			server: func(t testing.TB) []string { return []string{installed(t, "npm", "mcp-server-everything")} },
			play:   playTypeScript, plain: plainTypeScript,
		},
		"legacy, Go": {server: goEverything, play: playGoLegacy, plain: plainGo},
		"modern, Go": {server: goEverything, play: playGoModern, plain: plainGo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.compare(t)
		})
	}
}

// plainTypeScript takes out what this server makes up: the time of day in its dynamic resources (as text, and in base64 of a
// blob), the ids and times of tasks, the random ids of elicitations, and the whole of its simulated log messages, whose
// levels it draws by lot.
func plainTypeScript(line string) string {
	if strings.Contains(line, `"method":"notifications/message"`) && drawn().MatchString(line) {
		return ""
	}
	line = blob().ReplaceAllStringFunc(line, func(found string) string {
		text, err := base64.StdEncoding.DecodeString(found[len(`"blob":"`) : len(found)-1])
		if err != nil || !timeOfDay().Match(text) {
			return found
		}
		return `"blob":"base64 of ` + timeOfDay().ReplaceAllString(string(text), "created at …") + `"`
	})
	line = timeOfDay().ReplaceAllString(line, "created at …")
	for _, plain := range []func(string) string{
		member("taskId", "[0-9a-f]{32}"), member("createdAt", "[0-9TZ:.-]{24}"), member("lastUpdatedAt", "[0-9TZ:.-]{24}"),
		member("elicitationId", uuid),
	} {
		line = plain(line)
	}
	return elicitation().ReplaceAllString(line, "Elicitation ID: …")
}

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

func elicitation() *regexp.Regexp { return regexp.MustCompile("Elicitation ID: " + uuid) }

func drawn() *regexp.Regexp { return regexp.MustCompile(`"data":"[A-Z][a-z]+[- ]level[- ]message"`) }
func blob() *regexp.Regexp  { return regexp.MustCompile(`"blob":"[A-Za-z0-9+/]+=*"`) }
func timeOfDay() *regexp.Regexp {
	return regexp.MustCompile(`created at [0-9]{1,2}:[0-9]{2}:[0-9]{2}\p{Z}[AP]M`)
}

// clientAnswers is what the client says to the server's requests. What comes with a task is a task of the client's.
func clientAnswers() map[string]func(json.RawMessage) string {
	task := func(id, result string) func(json.RawMessage) string {
		return func(params json.RawMessage) string {
			if strings.Contains(string(params), `"task"`) {
				return `{"task":{"taskId":"` + id + `","status":"working","ttl":60000,"createdAt":"2026-11-20T10:00:00Z",` +
					`"lastUpdatedAt":"2026-11-20T10:00:00Z","pollInterval":1000}}`
			}
			return result
		}
	}
	const (
		sampled  = `{"model":"none","role":"assistant","content":{"type":"text","text":"Paris \u2014 \"la ville\" </b> 1e2"},"stopReason":"endTurn"}`
		elicited = `{"action":"accept","content":{"name":"Ada","username":"ada","check":true,"integer":42,"number":3.140,"color":"plum"}}`
	)
	return map[string]func(json.RawMessage) string{
		"roots/list": func(json.RawMessage) string {
			return `{"roots":[{"uri":"file:///srv/shop","name":"Shop"},{"uri":"file:///srv/a%20b"}]}`
		},
		"sampling/createMessage": task("sampling", sampled),
		"elicitation/create":     task("elicitation", elicited),
		"ping":                   func(json.RawMessage) string { return `{}` },
		"tasks/get": func(params json.RawMessage) string {
			var p struct{ TaskID string }
			if json.Unmarshal(params, &p) != nil {
				return `{}`
			}
			return `{"taskId":"` + p.TaskID + `","status":"completed","ttl":60000,"createdAt":"2026-11-20T10:00:00Z",` +
				`"lastUpdatedAt":"2026-11-20T10:00:01Z"}`
		},
		"tasks/result": func(params json.RawMessage) string {
			if strings.Contains(string(params), "sampling") {
				return sampled
			}
			return elicited
		},
	}
}

// greet does the handshake of the legacy era with a client that can do everything.
func (a *actor) greet() {
	a.answers = clientAnswers()
	a.with("initialize", `{"protocolVersion":"`+legacy+`","capabilities":{"roots":{"listChanged":true},"sampling":{},`+
		`"elicitation":{"form":{},"url":{}},"tasks":{"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}},`+
		`"experimental":{"shop/x":{"n":1.0}}},"clientInfo":{"name":"e2e","title":"\u00c9preuve","version":"1.0.0"}}`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// anyLegacy is what can be said to every server of the legacy era: pings under ids of every shape, odd spellings, methods
// and notifications that nobody knows.
func (a *actor) anyLegacy() {
	for _, id := range []string{
		`0`, `-1`, `1`, `"1"`, `""`, `"a"`, `9007199254740991`, `1.0e1`, `"\u00e9\ud83c\udf4f"`, `"é 🍏 \" \\ \/"`,
		`"550e8400-e29b-41d4-a716-446655440000"`, `"` + strings.Repeat("long", 250) + `"`, `"null"`, `"__proto__"`,
	} {
		a.request(id, `"method":"ping"`)
	}
	a.say("  {\t\"params\" : { } , \"method\":\"p\\u0069ng\",\"id\" :\"odd\" , \"jsonrpc\": \"2.0\" }")
	a.answered(`"odd"`)
	a.with("ping", `{"_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01","example.com/x":[1.50,1E2,-0,{"a":null}]}}`)
	for _, method := range []string{"no/such", "tools/execute", "Ping"} {
		a.with(method, `{"x":[1,2.50,"\u2028"]}`)
	}
	a.say(`{"jsonrpc":"2.0","method":"notifications/nobody/knows","params":{"x":1e3}}`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never was","reason":"a mistake"}}`)
	a.with("tools/list", `{}`)
	a.with("tools/list", `{"cursor":"bm8gc3VjaA=="}`)
	a.with("prompts/list", `{"_meta":{"a":1}}`)
	a.with("resources/list", `{}`)
	a.with("resources/templates/list", `{}`)
	a.tool("no-such-tool", `{}`)
	a.with("prompts/get", `{"name":"no such prompt"}`)
	a.with("resources/read", `{"uri":"demo://no/such"}`)
}

// playTypeScript is a session with everything in it that the TypeScript server offers.
func playTypeScript(a *actor) {
	a.greet()
	a.note("notifications/message", "Roots updated: 2") // the server asks by itself, a little later
	a.anyLegacy()
	a.say("{\"jsonrpc\":\"2.0\",\"id\":\"return\",\"method\":\"ping\"} \t\r")
	a.answered(`"return"`)
	a.tool("get-roots-list", `{}`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`)
	a.note("notifications/message", "Roots updated: 2")
	a.resultsTypeScript()
	a.promptsTypeScript()
	a.resourcesTypeScript()
	a.progressTypeScript()
	a.askedTypeScript()
	a.tasksTypeScript()
	a.burst("echo", "message")
}

func (a *actor) resultsTypeScript() {
	a.tool("echo", `{"message":"\u202Ehidden\u200b <!-- & --> [agentmesh] \"é🍏\" /\/ 1e2"}`)
	a.tool("echo", `{"message":"`+strings.Repeat("a long message ", 100_000)+`"}`)
	a.tool("echo", `{}`)
	a.tool("echo", `{"message":17}`)
	a.tool("get-sum", `{"a":1.50,"b":-2e3}`)
	a.tool("get-sum", `{"a":"one","b":2}`)
	a.tool("get-tiny-image", `{}`)
	a.tool("get-env", `{}`)
	for _, kind := range []string{"error", "success", "debug"} {
		a.tool("get-annotated-message", `{"messageType":"`+kind+`","includeImage":true}`)
	}
	a.tool("get-resource-links", `{"count":10}`)
	a.tool("get-resource-reference", `{"resourceType":"Text","resourceId":1}`)
	a.tool("get-resource-reference", `{"resourceType":"Blob","resourceId":2}`)
	a.tool("get-structured-content", `{"location":"Chicago"}`)
	a.tool("gzip-file-as-resource", `{"name":"a.gz","data":"data:text/plain;base64,cGVhcnM=","outputType":"resource"}`)
	a.tool("gzip-file-as-resource", `{"name":"b.gz","data":"data:text/plain,plums","outputType":"resourceLink"}`)
	a.with("resources/read", `{"uri":"demo://resource/session/b.gz"}`)
}

func (a *actor) promptsTypeScript() {
	a.with("prompts/get", `{"name":"simple-prompt"}`)
	a.with("prompts/get", `{"name":"args-prompt","arguments":{"city":"Paris","state":"Texas"}}`)
	a.with("prompts/get", `{"name":"args-prompt","arguments":{}}`)
	a.with("prompts/get", `{"name":"completable-prompt","arguments":{"department":"Sales","name":"Eve"}}`)
	a.with("prompts/get", `{"name":"resource-prompt","arguments":{"resourceType":"Blob","resourceId":"3"}}`)
	a.with("completion/complete", `{"ref":{"type":"ref/prompt","name":"completable-prompt"},"argument":{"name":"department","value":"S"}}`)
	a.with("completion/complete", `{"ref":{"type":"ref/prompt","name":"completable-prompt"},"argument":{"name":"name","value":""},`+
		`"context":{"arguments":{"department":"Support"}}}`)
	a.with("completion/complete", `{"ref":{"type":"ref/resource","uri":"demo://resource/dynamic/text/{resourceId}"},`+
		`"argument":{"name":"resourceId","value":"4"}}`)
	a.with("completion/complete", `{"ref":{"type":"ref/prompt","name":"nobody"},"argument":{"name":"x","value":""}}`)
}

func (a *actor) resourcesTypeScript() {
	for _, uri := range []string{
		"demo://resource/static/document/features.md", "demo://resource/dynamic/text/7", "demo://resource/dynamic/blob/8",
		"demo://resource/dynamic/text/none",
	} {
		a.with("resources/read", `{"uri":"`+uri+`"}`)
	}
	for _, level := range []string{"debug", "info", "no such level"} {
		a.with("logging/setLevel", `{"level":"`+level+`"}`)
	}
	const uri = `{"uri":"demo://resource/dynamic/text/7"}`
	a.with("resources/subscribe", uri)
	a.tool("toggle-subscriber-updates", `{}`)
	a.note("notifications/resources/updated", "dynamic/text/7")
	a.tool("toggle-subscriber-updates", `{}`)
	a.with("resources/unsubscribe", uri)
	a.tool("toggle-simulated-logging", `{}`)
	a.tool("toggle-simulated-logging", `{}`)
}

func (a *actor) progressTypeScript() {
	for _, token := range []string{`"token"`, `17`, `0`} {
		a.with("tools/call", `{"name":"trigger-long-running-operation","arguments":{"duration":0.2,"steps":4},"_meta":{"progressToken":`+token+`}}`)
	}
	a.say(`{"jsonrpc":"2.0","id":"called off","method":"tools/call","params":{"name":"trigger-long-running-operation",` +
		`"arguments":{"duration":0.4,"steps":2},"_meta":{"progressToken":"off"}}}`)
	a.note("notifications/progress", `"progress":1,`) // a call that is still being decided would never reach the server
	a.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"called off","reason":"changed my mind"}}`)
	a.note("notifications/progress", `"progress":2,`) // the operation goes on to its end, and is not answered
	a.with("ping", `{}`)
}

// askedTypeScript are the tools that ask the client.
func (a *actor) askedTypeScript() {
	a.tool("trigger-sampling-request", `{"prompt":"the capital of France?","maxTokens":20}`)
	a.tool("trigger-elicitation-request", `{}`)
	a.tool("trigger-url-elicitation", `{"url":"https://example.com/login","elicitationId":"mine"}`)
	a.tool("trigger-url-elicitation", `{"url":"https://example.com/login"}`)
	a.tool("trigger-url-elicitation", `{"url":"https://example.com/login","errorPath":true}`)
	a.tool("trigger-sampling-request-async", `{"prompt":"and of Spain?"}`)
	a.tool("trigger-elicitation-request-async", `{}`)
}

// tasksTypeScript is a call that becomes a task, which asks the client on its way.
func (a *actor) tasksTypeScript() {
	made := a.with("tools/call", `{"name":"simulate-research-query","arguments":{"topic":"python","ambiguous":true},"task":{"ttl":60000}}`)
	var result struct{ Task struct{ TaskID string } }
	if err := json.Unmarshal(made.Result, &result); err != nil || result.Task.TaskID == "" {
		a.t.Fatalf("no task was made: %v: %s", err, made.line)
	}
	id := `{"taskId":"` + result.Task.TaskID + `"}`
	a.with("tasks/get", id)
	a.with("tasks/list", `{}`)
	a.with("tasks/result", id) // asks, and waits for the end
	a.with("tasks/get", id)
	made = a.with("tools/call", `{"name":"simulate-research-query","arguments":{"topic":"pears"},"task":{"ttl":60000}}`)
	if err := json.Unmarshal(made.Result, &result); err != nil {
		a.t.Fatal(err)
	}
	a.with("tasks/cancel", `{"taskId":"`+result.Task.TaskID+`"}`)
	a.with("tasks/cancel", `{"taskId":"`+result.Task.TaskID+`"}`)
}

// burst has many calls under way at once.
func (a *actor) burst(tool, argument string) {
	a.t.Helper()
	for i := range 200 {
		a.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":"burst %d","method":"tools/call","params":{"name":%q,"arguments":{%q:"%d"}}}`, i, tool, argument, i))
	}
	a.since = 0
	for i := range 200 {
		a.answered(fmt.Sprintf(`"burst %d"`, i))
	}
}
