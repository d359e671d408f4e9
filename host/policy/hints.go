package policy

import (
	"strings"
)

// suggest is the candidate nearest to what was written, or empty when none is near: a quarter of the word may differ.
func suggest(word string, candidates []string) string {
	best, least := "", (len(word)+1)/4
	for _, c := range candidates {
		if strings.EqualFold(c, word) {
			return c
		}
		if d := editDistance(strings.ToLower(word), c, least); d < least || d == least && best == "" {
			best, least = c, d
		}
	}
	return best
}

// didYouMean is a hint naming the nearest candidate, or else all of them.
func didYouMean(word string, candidates []string) string {
	if near := suggest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(candidates, ", ")
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that make b of a, and stops caring
// beyond limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+different(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func different(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
