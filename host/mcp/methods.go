package mcp

import "strings"

// route says what becomes of a client's request.
type route uint8

const (
	// decided: as an action of type unknown, with its method.
	decided route = iota
	// plumbing passes untouched.
	plumbing
	// listing passes, and its answer is filtered.
	listing
	// opening passes; in its answer the server introduces itself.
	opening
	toolCall
	resource
	prompt
	// listening is subscriptions/listen: plumbing, or a subscription to resources.
	listening
	// task asks after a task: plumbing where the call that made it was decided here.
	task
)

const (
	listTools    = "tools/list"
	getPrompt    = "prompts/get"
	readResource = "resources/read"
)

// routeOf is the table of methods. What stands in no row is decided as type unknown.
func routeOf(method string) route {
	switch method {
	case "initialize", "server/discover":
		return opening
	case "ping", "logging/setLevel", "completion/complete", "tasks/list":
		return plumbing
	case listTools, "prompts/list", "resources/list", "resources/templates/list":
		return listing
	case "tools/call":
		return toolCall
	case readResource, "resources/subscribe", "resources/unsubscribe":
		return resource
	case getPrompt:
		return prompt
	case "subscriptions/listen":
		return listening
	case "tasks/get", "tasks/result", "tasks/cancel":
		return task
	}
	return decided
}

// isNotification reports whether a method may come without an id. Those of the protocol all begin alike; anything else
// without an id is decided as a request is, since a careless server may serve it as one.
func isNotification(method string) bool { return strings.HasPrefix(method, "notifications/") }

// listedMember is the member of a listing's result that holds the list.
func listedMember(method string) string {
	switch method {
	case listTools:
		return "tools"
	case "prompts/list":
		return "prompts"
	case "resources/list":
		return "resources"
	case "resources/templates/list":
		return "resourceTemplates"
	}
	return ""
}
