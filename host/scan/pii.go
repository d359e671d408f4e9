package scan

// digits is a number as written: up to 20 digits in groups, one separator between two groups.
type digits struct {
	d      [20]byte
	n      int
	groups [8]uint8 // digits in each group
	g      int
	sep    byte // the separator when all are the same, 0 without any, '*' when they differ
	end    int
}

func (n *digits) all() []byte { return n.d[:n.n] }

// shaped reports whether the groups have these lengths.
func (n *digits) shaped(groups ...uint8) bool {
	if n.g != len(groups) {
		return false
	}
	for i, g := range groups {
		if n.groups[i] != g {
			return false
		}
	}
	return true
}

// group reads a number at i. Longer numbers, or more groups, come back as nothing (n is 0).
func group(t string, i int, n *digits) {
	*n = digits{}
	for i < len(t) {
		from := i
		for i < len(t) && isDigit(t[i]) {
			if n.n == len(n.d) {
				n.n = 0
				return
			}
			n.d[n.n] = t[i]
			n.n++
			i++
		}
		if n.g == len(n.groups) {
			n.n = 0
			return
		}
		n.groups[n.g] = uint8(i - from)
		n.g++
		n.end = i
		if i+1 >= len(t) || !isDigit(t[i+1]) || (t[i] != ' ' && t[i] != '-' && t[i] != '.' && t[i] != '/') {
			return
		}
		if n.sep == 0 {
			n.sep = t[i]
		} else if n.sep != t[i] {
			n.sep = '*'
		}
		i++
	}
}

// number looks at the word t[i:j], which begins with a digit, and at the groups that follow it. It returns where what it
// found ends, or 0.
func (s *scanner) number(i, j int) int {
	t := s.text
	if i > 0 && (t[i-1] == '.' || t[i-1] == '$') || j-i > 20 {
		return 0
	}
	if k := s.spanish(i, j); k > 0 {
		return k
	}
	var n digits
	group(t, i, &n)
	if n.n < 8 || (n.end < len(t) && isWord(t[n.end])) {
		return 0
	}
	if k := numberKind(s, i, &n); k != None {
		s.found(k, i, n.end)
		return n.end
	}
	// "id 4111 1111 1111 1111" begins with a group that is not its own: go on behind the first.
	return 0
}

func numberKind(s *scanner, i int, n *digits) Kind {
	d := n.all()
	switch {
	case isCard(s, i, n):
		return CreditCard
	case n.n == 8 && s.birth(i, n):
		return DateOfBirth
	case n.n == 9:
		return nineDigits(s, i, n)
	case n.n == 10:
		return tenDigits(s, i, n)
	case n.n == 11:
		return elevenDigits(s, i, n)
	case n.n == 12 && n.shaped(8, 4) && n.sep == '-' && date(d[4:6], d[6:8]) && luhn(d[2:]):
		return SEPersonnummer
	case n.n == 12 && d[0] >= '2' && (n.shaped(4, 4, 4) && n.sep != '/' && n.sep != '.' || s.before(i, "aadhaar", "aadhar", "uidai")) && verhoeff(d):
		return INAadhaar
	case n.n == 15 && (n.g == 1 || n.shaped(1, 2, 2, 2, 3, 3, 2)) && nir(d):
		return FRNIR
	case s.national(i, n):
		return Phone
	}
	return None
}

func nineDigits(s *scanner, i int, n *digits) Kind {
	d := n.all()
	switch {
	case ssn(d) && (n.shaped(3, 2, 4) && n.sep == '-' || (n.shaped(3, 2, 4) || n.g == 1) && s.before(i, "ssn", "social security", "social security number")):
		return USSSN
	case bsn(d) && s.before(i, "bsn", "burgerservicenummer", "sofinummer"):
		return NLBSN
	}
	return None
}

// ssn leaves out what the SSA has never issued: area 000, 666 and from 900, group 00, serial 0000, and numbers known
// from advertisements.
func ssn(d []byte) bool {
	area := number(d[:3])
	return area != 0 && area != 666 && area < 900 && number(d[3:5]) != 0 && number(d[5:]) != 0 && !same(d) &&
		string(d) != "078051120" && string(d) != "219099999" && string(d) != "123456789"
}

func tenDigits(s *scanner, i int, n *digits) Kind {
	d := n.all()
	switch {
	case nhs(d) && s.before(i, "nhs", "nhs number", "nhs no"):
		return UKNHS
	case n.shaped(6, 4) && n.sep == '-' && date(d[2:4], d[4:6]) && luhn(d):
		return SEPersonnummer
	case n.g == 1 && date(d[2:4], d[4:6]) && luhn(d) && s.before(i, "personnummer", "personal number", "pnr"):
		return SEPersonnummer
	case s.national(i, n):
		return Phone
	}
	return None
}

func elevenDigits(s *scanner, i int, n *digits) Kind {
	d := n.all()
	switch {
	case (n.shaped(3, 3, 3, 2) && n.sep == '*' || n.g == 1 && s.before(i, "cpf")) && cpf(d):
		return BRCPF
	case n.g == 1 && pesel(d) && s.before(i, "pesel"):
		return PLPESEL
	case (n.shaped(2, 3, 3, 3) && n.sep == ' ' || n.g == 1) && steuerID(d) &&
		(n.g > 1 || s.before(i, "steuer-id", "steuerid", "idnr", "steueridentifikationsnummer", "steuer-identifikationsnummer", "identifikationsnummer", "tax id", "tin")):
		return DESteuerID
	case s.national(i, n):
		return Phone
	}
	return None
}

// date reports whether two digits each are a month and a day.
func date(month, day []byte) bool {
	m, d := number(month), number(day)
	return m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// birth reports whether the eight digits are a date that the words before call a date of birth.
func (s *scanner) birth(i int, n *digits) bool {
	d := n.all()
	iso := n.shaped(4, 2, 2) && date(d[4:6], d[6:8]) && d[0] <= '2'
	day := n.shaped(2, 2, 4) && (date(d[:2], d[2:4]) || date(d[2:4], d[:2])) && (d[4] == '1' || d[4] == '2')
	return (iso || day) && s.before(i, "dob", "date of birth", "born", "born on", "birth date", "birthdate", "birthday",
		"date_of_birth", "birth_date", "geboren", "geboren am", "geburtsdatum", "né le", "née le", "date de naissance",
		"fecha de nacimiento", "data di nascita", "geboortedatum", "dateofbirth")
}

// isCard wants an issuer's range and length and the Luhn digit. Written without separators only the lengths of the
// big issuers count, for other long numbers are common.
func isCard(s *scanner, i int, n *digits) bool {
	d := n.all()
	if n.n < 13 || n.n > 19 || n.sep == '.' || n.sep == '/' || n.sep == '*' || same(d) || !issued(d) || !luhn(d) {
		return false
	}
	if n.g == 1 {
		return n.n == 16 || n.n == 15 || s.before(i, "card", "visa", "credit card", "card number", "pan", "cc")
	}
	return n.shaped(4, 4, 4, 4) || n.shaped(4, 6, 5) || n.shaped(4, 6, 4) || n.shaped(4, 4, 4, 4, 3) || n.shaped(4, 4, 4, 1)
}

// issued reports whether the number begins in a range in use: Visa, Mastercard, American Express, Diners, Discover, JCB,
// UnionPay, Maestro.
func issued(d []byte) bool {
	p2, p3, p4 := number(d[:2]), number(d[:3]), number(d[:4])
	switch n := len(d); {
	case d[0] == '4':
		return n == 13 || n == 16 || n == 19
	case p2 >= 51 && p2 <= 55, p4 >= 2221 && p4 <= 2720:
		return n == 16
	case p2 == 34, p2 == 37:
		return n == 15
	case p2 == 36, p2 == 38, p3 >= 300 && p3 <= 305:
		return n == 14
	case p4 == 6011, p2 == 65, p3 >= 644 && p3 <= 649, p4 >= 3528 && p4 <= 3589, p2 == 62:
		return n >= 16
	case p4 == 5018, p4 == 5020, p4 == 5038, p4 == 6304, p4 == 6759, p4 >= 6761 && p4 <= 6763:
		return n >= 16
	}
	return false
}

// spanish finds a DNI: eight digits and a letter in one word, or with a dash between.
func (s *scanner) spanish(i, j int) int {
	t := s.text
	k := i
	for k < j && isDigit(t[k]) {
		k++
	}
	if k-i != 8 {
		return 0
	}
	end := k + 1
	if k < len(t) && t[k] == '-' {
		k, end = k+1, k+2
	}
	if end > len(t) || (end < len(t) && isWord(t[end])) || !isUpper(t[k]) {
		return 0
	}
	if t[k] != dniLetter(number([]byte(t[i:i+8]))) {
		return 0
	}
	s.found(ESDNI, i, end)
	return end
}
