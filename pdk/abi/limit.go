package abi

import (
	"strconv"
	"strings"
)

// MaxLimit is how many actions one limit may count: its window is kept exactly, action by action.
const MaxLimit = 1_000_000

// ParseLimit reads a limit as rules and obligations write it: a count, a slash, and second, minute, hour or day, as in
// "100/hour". The window is in seconds. A sign, a space or another unit is no limit; ok does not vouch for the count, which
// is 0 or more, and of use from 1 to MaxLimit.
func ParseLimit(text string) (count, window int64, ok bool) {
	digits, unit, _ := strings.Cut(text, "/")
	switch unit {
	case "second":
		window = 1
	case "minute":
		window = 60
	case "hour":
		window = 60 * 60
	case "day":
		window = 24 * 60 * 60
	default:
		return 0, 0, false
	}
	if strings.Trim(digits, "0123456789") != "" {
		return 0, 0, false
	}
	count, err := strconv.ParseInt(digits, 10, 64)
	return count, window, err == nil
}
