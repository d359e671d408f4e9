package policy

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"agentmesh/pdk/abi"
)

// maxRules is how many rules a policy may have, its parents' among them.
const maxRules = 10_000

// defaultRule is the name under which a written-out default stands in findings, and so no rule's.
const defaultRule = "default"

func (r *reader) rules(n *yaml.Node) []Rule {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "begin each rule with a hyphen: - name: …", "rules must be a list, not %s", kindName(n))
		return nil
	}
	if len(n.Content) > maxRules {
		r.fail(n, "split the policy", "more than %d rules", maxRules)
		return nil
	}
	rules := make([]Rule, len(n.Content))
	first := make(map[string]Pos, len(rules))
	for i, item := range n.Content {
		rules[i] = r.rule(item, first)
	}
	return rules
}

// rule reads one rule. The names of those before are in first, with their places.
func (r *reader) rule(n *yaml.Node, first map[string]Pos) Rule {
	rule := Rule{Pos: nodePos(n), Enabled: true, Action: unread}
	var condition *yaml.Node
	found := r.mapping(n, "a rule", []key{
		{"name", func(v *yaml.Node) { rule.Name, rule.Pos = r.ruleName(v, first), nodePos(v) }},
		{"description", func(v *yaml.Node) { rule.Description, _ = r.text(v, "description") }},
		{"condition", func(v *yaml.Node) { condition = v }},
		{"action", func(v *yaml.Node) { rule.Action = r.action(v) }},
		{"limit", func(v *yaml.Node) { rule.Limit = r.limit(v) }},
		{"approvers", func(v *yaml.Node) { rule.Approvers = r.texts(v, "approvers") }},
		{"priority", func(v *yaml.Node) { rule.Priority = r.integer(v, "priority") }},
		{"enabled", func(v *yaml.Node) { rule.Enabled = r.boolean(v, "enabled") }},
		{"stage", func(v *yaml.Node) { rule.Stage = r.stage(v) }},
		{"redact", func(v *yaml.Node) { rule.Redact = r.redact(v) }},
	})
	r.require(n, found, "name", "every rule has a name; verdicts and the ledger speak of it")
	if n.Kind == yaml.MappingNode {
		r.checkRule(n, &rule, found)
	}
	if condition != nil { // last, for its stage may be written below it
		rule.Condition = r.condition(condition, rule.Stage)
	}
	return rule
}

func (r *reader) ruleName(n *yaml.Node, first map[string]Pos) string {
	s, ok := r.text(n, "name")
	if !ok {
		return ""
	}
	before, twice := first[s]
	switch {
	case len(s) > maxName:
		r.fail(n, "say the rest in description", "name is longer than %d bytes", maxName)
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		r.fail(n, "", "name begins or ends with white space, or holds a control character")
	case s == defaultRule:
		r.fail(n, "choose another name", "%q is the name of default_action in findings", s)
	case twice:
		r.fail(n, "choose another name", "rule %q a second time; the first is in line %d", s, before.Line)
	default:
		first[s] = nodePos(n)
	}
	return s
}

// unread is the action of a rule while none is known; where that is an error, it is one by itself.
const unread = abi.Abstain

// checkRule checks what no key shows by itself: which of them go together.
func (r *reader) checkRule(n *yaml.Node, rule *Rule, found written) {
	action, limit, approvers := found["action"], found["limit"], found["approvers"]
	rule.LimitOnly = action == nil && limit != nil
	if rule.LimitOnly {
		rule.Action = abi.Allow
	}
	switch {
	case action == nil && limit == nil:
		r.fail(n, "add action: allow, deny, warn, log or require_approval", "a rule with neither action nor limit does nothing")
		return
	case rule.Action == unread:
		return
	case limit != nil && rule.Action != abi.Allow:
		r.fail(limit, "remove limit, or the action", "a limit goes with allow or with no action, not with %s", rule.Action)
	case rule.Stage == PostTool && limit != nil:
		r.fail(limit, "count the action at stage pre_tool", "a limit has no meaning after the action")
	case rule.Stage == PostTool && (rule.Action == abi.Allow || rule.Action == abi.RequireApproval):
		r.fail(action, "at stage post_tool a rule may deny, warn or log", "%s has no meaning after the action", rule.Action)
	}
	if approvers != nil && rule.Action != abi.RequireApproval {
		r.fail(approvers, "write action: require_approval", "approvers without an approval")
	}
}

// action reads a decision; what other systems call it is answered with our word.
func (r *reader) action(n *yaml.Node) abi.Decision {
	if hint := otherAction(n.Value); hint != "" {
		r.fail(n, "write "+hint, "action cannot be %q", n.Value)
		return unread
	}
	word, ok := r.choice(n, "action", "allow", "deny", "warn", "log", "require_approval")
	if !ok {
		return unread
	}
	d, _ := abi.ParseDecision(word)
	return d
}

func otherAction(word string) string {
	switch strings.ToLower(word) {
	case "block", "reject", "refuse", "forbid":
		return "deny"
	case "permit", "accept", "pass":
		return "allow"
	case "approve", "approval", "ask", "confirm", "escalate":
		return "require_approval"
	case "audit", "record":
		return "log"
	default:
		return ""
	}
}

func (r *reader) stage(n *yaml.Node) Stage {
	if word, _ := r.choice(n, "stage", "pre_tool", "post_tool"); word == "post_tool" {
		return PostTool
	}
	return PreTool
}

// limit reads COUNT/UNIT. A limit that lets nothing through is a deny written badly, and refused.
func (r *reader) limit(n *yaml.Node) *Limit {
	const form = `write a count and a unit, like "100/hour"; units are second, minute, hour and day`
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		r.fail(n, form, "limit must be a string, not %s", kindName(n))
		return nil
	}
	count, seconds, ok := abi.ParseLimit(n.Value)
	switch {
	case !ok:
		r.fail(n, form, "%q is no limit", n.Value)
	case count == 0:
		r.fail(n, "write action: deny to let nothing through", "a limit of 0")
	case count > abi.MaxLimit:
		r.fail(n, "", "a limit of more than %d", abi.MaxLimit)
	}
	return &Limit{Count: count, Window: time.Duration(seconds) * time.Second, Text: n.Value}
}

// condition reads an expression; a boolean needs no quotes.
func (r *reader) condition(n *yaml.Node, stage Stage) Expr {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "put the whole condition in quotes", "condition must be a string, not %s", kindName(n))
		return nil
	case n.Tag != "!!str" && n.Tag != "!!bool":
		r.fail(n, "compare it with something", "%s is no condition", kindName(n))
		return nil
	}
	return parseCondition(n.Value, stage, place{places(r.doc, n), func(pos Pos, hint, message string) {
		if n.LineComment != "" && message == endlessString {
			hint = "a # behind a space begins a YAML comment: put the whole condition in quotes"
		}
		r.tell(pos, hint, message)
	}})
}

// redact reads the paths that are kept out of ledger and logs. As they are kept out whenever the policy applies, result may
// be named by a rule of either stage.
func (r *reader) redact(n *yaml.Node) [][]abi.Step {
	var out [][]abi.Step
	for i, s := range r.texts(n, "redact") {
		p := newParser(s, PostTool, place{places(r.doc, n.Content[i]), r.tell})
		x := p.path("redact")
		if p.peek().kind != tokenEnd {
			p.fail(p.peek(), `write one path, like data.card or data["x-y"]`, "redact takes paths alone")
		}
		if !p.failed && !slices.ContainsFunc(out, func(q []abi.Step) bool { return slices.Equal(q, x.Steps) }) {
			out = append(out, x.Steps)
		}
	}
	return out
}
