package policy

import (
	"time"

	"agentmesh/pdk/abi"
)

// Stage is the moment a rule speaks: before the action is forwarded, or on its result.
type Stage uint8

// The two stages.
const (
	PreTool Stage = iota
	PostTool
)

// Conflict says how the rules of one file settle differences among themselves.
type Conflict uint8

// DenyOverrides takes every rule that fires; PriorityFirstMatch the first deciding one, by priority and then file order.
const (
	DenyOverrides Conflict = iota
	PriorityFirstMatch
)

// Limit is "Count/Window": at most Count actions in any window of that length.
type Limit struct {
	Count  int64
	Window time.Duration
	Text   string // as written, "100/hour"
}

// Rule is one rule of a policy.
type Rule struct {
	Name        string
	Description string
	// Source indexes Policy.Sources: the file the rule was written in (a parent's rules keep theirs).
	Source int
	Pos    Pos
	// Condition is nil when the rule always applies.
	Condition Expr
	// Action is the decision of the rule; a rule with only a limit has Allow and LimitOnly.
	Action    abi.Decision
	LimitOnly bool
	Limit     *Limit
	Approvers []string
	Priority  int64
	Enabled   bool
	Stage     Stage
	Redact    [][]abi.Step
}

// Policy is a checked policy, its parents merged in: parents' rules first, in file order.
type Policy struct {
	Name string
	// File is the name the policy was loaded by, for messages.
	File        string
	Description string
	Version     string
	// Agents are globs over names and DIDs; empty selects every agent.
	Agents []string
	// Default is nil when the policy abstains where no rule decides.
	Default  *abi.Decision
	Monitor  bool
	Conflict Conflict
	Rules    []Rule
	// Sources are the files read, the policy's own first, then its parents in the order they were named.
	Sources Sources
}

// Source is one policy file: its name as given (relative to the policy's own folder for parents) and its text.
type Source struct {
	Name string
	Text string
}
