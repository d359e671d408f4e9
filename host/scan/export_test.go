package scan

// Phrases are the instructions that Measure disguises.
func Phrases() []string { return phrases }
