package sandbox

import (
	"fmt"
	"testing"
)

// FuzzStringTable holds the table against a map: every string it was made of is found, and no other.
func FuzzStringTable(f *testing.F) {
	f.Add("a,b,ab,,abcdefgh,abcdefghi", "abcdefgh")
	f.Add("svc1.create,svc2.create,svc10.create", "svc3.create")
	f.Add("0123456789abcdef,0123456789abcdefX,01234567_9abcdef", "0123456789abcdeX")
	f.Fuzz(func(t *testing.T, list, other string) {
		want := map[string]uint32{}
		var strings []string
		for start, i := 0, 0; i <= len(list); i++ {
			if i == len(list) || list[i] == ',' {
				if s := list[start:i]; want[s] == 0 {
					strings = append(strings, s)
					want[s] = uint32(len(strings))
				}
				start = i + 1
			}
		}
		table := newStringTable(strings, 1)
		for _, s := range append(strings, other, other+"x") {
			head, tail := ends(s)
			if got := table.find(s, head, tail); got != want[s] {
				t.Errorf("%q: got %d, want %d", s, got, want[s])
			}
		}
	})
}

func TestStringTableOfStringsThatFallTogether(t *testing.T) {
	var strings []string
	for i := range 300 {
		strings = append(strings, fmt.Sprintf("the same start %03d and the same end", i))
	}
	table := newStringTable(strings, 4)
	for i, s := range strings {
		head, tail := ends(s)
		if got := table.find(s, head, tail); got != uint32(4+i) {
			t.Errorf("%q: got %d, want %d", s, got, 4+i)
		}
	}
	head, tail := ends("the same start 300 and the same end")
	if got := table.find("the same start 300 and the same end", head, tail); got != 0 {
		t.Errorf("a string that is not there: got %d", got)
	}
}
