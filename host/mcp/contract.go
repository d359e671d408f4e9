package mcp

import "agentmesh/pdk/abi"

// Treated is what is known of a result that is treated.
type Treated struct {
	// Verdict let the call pass; nil: nothing was decided, as of a list.
	Verdict *abi.Verdict
	// OutputSchema is what the tool declared in its list, or missing.
	OutputSchema abi.Value
	// Method is that of the request that is answered.
	Method string
	// Around: what is told about a task, whose result, where it has one, is treated by itself.
	Around bool
	// Flagged are kinds of instructions that were found before.
	Flagged []string
}

// ResultReport says what was found in a result and done about it.
type ResultReport struct {
	// Removed and Masked count what was taken out, by kind.
	Removed, Masked map[string]int
	// Flagged are the kinds of instructions found, those of Treated first.
	Flagged []string
	// Lookalikes are texts that imitate the footer.
	Lookalikes int
	// Withheld: the result cannot be cleaned, and an isError result stands in its place.
	Withheld bool
}
