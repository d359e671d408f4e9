package scan

// callingCodes are the country calling codes of ITU E.164, one list by length.
const (
	calling1 = "17"
	calling2 = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
	calling3 = "211 212 213 216 218 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 992 993 994 995 996 998"
)

// phone looks at a number that begins with + or with a bracket.
func (s *scanner) phone(i int) int {
	t := s.text
	if i > 0 && (isWord(t[i-1]) || t[i-1] == ')' || t[i-1] == '+') {
		return 0
	}
	if t[i] == '(' {
		return s.bracketed(i)
	}
	d, n, seps, end := dial(t, i+1)
	if n < 8 || n > 15 || (end < len(t) && isWord(t[end])) || !called(d[:n]) {
		return 0
	}
	// Lines of a patch begin with + as well: there the number stands alone at the start of a line.
	if seps == 0 && (i == 0 || t[i-1] == '\n') && (end == len(t) || t[end] != ' ') && n != 11 && n != 12 {
		return 0
	}
	s.found(Phone, i, end)
	return end
}

// dial reads digits with spaces, dots, dashes, slashes and brackets between, at most one or two in a row.
func dial(t string, i int) (d [16]byte, n, seps, end int) {
	gap := 0
	for ; i < len(t); i++ {
		switch b := t[i]; {
		case isDigit(b):
			if n == len(d) {
				return d, 0, 0, i
			}
			d[n] = b
			n++
			gap, end = 0, i+1
		case n > 0 && gap < 2 && (b == ' ' || b == '-' || b == '.' || b == '/' || b == '(' || b == ')'):
			gap++
			seps++
		default:
			return d, n, seps, end
		}
	}
	return d, n, seps, end
}

// called reports whether the number begins with a calling code, and for the North American plan with a valid area and
// exchange.
func called(d []byte) bool {
	if d[0] == '1' {
		return len(d) == 11 && nanp(d[1:])
	}
	if d[0] == '7' {
		return len(d) == 11 && d[1] != '0'
	}
	return hasCode(calling2, d[:2]) || hasCode(calling3, d[:2]) || hasCode(calling3, d[:3])
}

func hasCode(list string, code []byte) bool {
	for i := 0; i+len(code) <= len(list); i++ {
		if (i == 0 || list[i-1] == ' ') && list[i:i+len(code)] == string(code) &&
			(i+len(code) == len(list) || list[i+len(code)] == ' ') {
			return true
		}
	}
	return false
}

// nanp is an area code and an exchange that begin with 2 to 9, the area not N9X, neither ending in 11. The exchange 555
// with a line from 0100 to 0199 is fiction but counts: who writes it means a telephone.
func nanp(d []byte) bool {
	return len(d) == 10 && d[0] >= '2' && d[1] != '9' && d[3] >= '2' && string(d[1:3]) != "11" && string(d[4:6]) != "11"
}

// bracketed is "(212) 555-0123" and, outside the North American plan, "(030) 123456" with a word before it.
func (s *scanner) bracketed(i int) int {
	t := s.text
	d, n, _, end := dial(t, i+1)
	k := i + 1
	for k < len(t) && isDigit(t[k]) {
		k++
	}
	if k == len(t) || t[k] != ')' || (end < len(t) && isWord(t[end])) {
		return 0
	}
	if (n == 10 && k-i == 4 && nanp(d[:n])) || (n >= 8 && n <= 13 && d[0] == '0' && s.telephone(i)) {
		s.found(Phone, i, end)
		return end
	}
	return 0
}

func (s *scanner) telephone(i int) bool {
	return s.before(i, "tel", "phone", "telephone", "mobile", "cell", "call", "fax", "telefon", "handy", "mobil", "téléphone",
		"portable", "teléfono", "telefono", "móvil", "whatsapp", "phone_number", "phonenumber", "contact")
}

// national is a number without country code: the North American form in its three groups, a British mobile, or anything
// of the length after a word that says so.
func (s *scanner) national(i int, n *digits) bool {
	d := n.all()
	switch {
	case n.n == 10 && n.shaped(3, 3, 4) && n.sep != '*' && n.sep != '/' && nanp(d):
		return true
	case n.n == 11 && n.shaped(1, 3, 3, 4) && d[0] == '1' && nanp(d[1:]):
		return true
	case n.n == 11 && d[0] == '0' && d[1] == '7' && (n.shaped(5, 6) || n.shaped(5, 3, 3)):
		return true
	}
	return n.n >= 9 && n.n <= 13 && (n.g > 1 || d[0] == '0' || n.n == 10) && s.telephone(i)
}
