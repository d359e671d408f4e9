package facts

// marks are kinds of characters that tell what a word may be, as a set of bits.
type marks uint8

// The kinds.
const (
	pathMarks marks = 1 << iota // / \ ~ % $: of paths and their spellings
	wideMarks                   // what is no ASCII
	globMarks                   // * ? [
	joinMarks                   // = : , @ and the blank, where options and lists join their values
)

// marksOf are the kinds of characters in a string.
func marksOf(s string) (found marks) {
	for i := range len(s) {
		found |= markOf[s[i]]
	}
	return found
}

var markOf = func() (of [256]marks) {
	for b := 0x80; b < len(of); b++ {
		of[b] = wideMarks
	}
	for kind, bytes := range map[marks]string{pathMarks: `/\~%$`, globMarks: "*?[", joinMarks: "=:,@ "} {
		for _, b := range []byte(bytes) {
			of[b] = kind
		}
	}
	return of
}()
