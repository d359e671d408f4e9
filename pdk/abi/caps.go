package abi

// The sizes the host keeps to unless its configuration says otherwise. A request beyond the first is refused before a
// judge runs (CodeInputTooLarge), an answer beyond the second is none (CodeOutputTooLarge).
const (
	// DefaultInputBytes is how large a request may be as JSON, and what the direct entry writes for it.
	DefaultInputBytes = 16 << 20
	// DefaultOutputBytes is how large a guest's answer may be.
	DefaultOutputBytes = 1 << 20
)
