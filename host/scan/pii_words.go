package scan

import "strings"

// letters looks at the word t[i:j], which begins with a letter: IBAN, NINO, NIE, codice fiscale, PAN, passport numbers.
func (s *scanner) letters(i, j int) int {
	t := s.text
	n := j - i
	switch {
	case n == 16 && isUpper(t[i]) && fiscale(t[i:j]):
		s.found(ITCodiceFiscale, i, j)
		return j
	case n >= 4 && isUpper(t[i]) && isUpper(t[i+1]) && isDigit(t[i+2]) && isDigit(t[i+3]):
		if end := s.iban(i); end > 0 {
			return end
		}
	case n == 10 && isUpper(t[i]) && pan(t[i:j]) && s.before(i, "pan", "pan number", "permanent account number"):
		s.found(INPAN, i, j)
		return j
	}
	if n >= 2 && n <= 9 && isUpper(t[i]) {
		return s.shortNumber(i, j)
	}
	return 0
}

// shortNumber is a NINO, an NIE or a passport number.
func (s *scanner) shortNumber(i, j int) int {
	t := s.text
	if isUpper(t[i+1]) {
		if end := s.nino(i); end > 0 {
			return end
		}
	}
	if t[i] >= 'X' && t[i] <= 'Z' {
		if end := s.nie(i); end > 0 {
			return end
		}
	}
	if j-i >= 7 && digitsIn(t[i:j]) >= 5 && upperOnly(t[i:j]) &&
		s.before(i, "passport", "passport no", "passport number", "reisepass", "passeport", "pasaporte", "passaporto") {
		s.found(Passport, i, j)
		return j
	}
	return 0
}

func upperOnly(w string) bool {
	for i := range len(w) {
		if classes[w[i]] > upper {
			return false
		}
	}
	return true
}

func digitsIn(w string) int {
	n := 0
	for i := range len(w) {
		if isDigit(w[i]) {
			n++
		}
	}
	return n
}

// shape reports whether the word has the letters (L) and digits (D) of the pattern.
func shape(w, pattern string) bool {
	if len(w) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if (pattern[i] == 'L') != isUpper(w[i]) || (pattern[i] == 'D') != isDigit(w[i]) {
			return false
		}
	}
	return true
}

func fiscale(w string) bool { return shape(w, "LLLLLLDDLDDLDDDL") && codiceFiscale(w) }

// pan is the Indian permanent account number; its fourth letter tells the holder's kind.
func pan(w string) bool {
	return shape(w, "LLLLLDDDDL") && strings.IndexByte("ABCFGHLJPT", w[3]) >= 0
}

// nino is two letters, six digits in pairs and a letter from A to D, by the prefixes that HMRC uses.
func (s *scanner) nino(i int) int {
	t := s.text
	if strings.IndexByte("DFIQUV", t[i]) >= 0 || strings.IndexByte("DFIQUVO", t[i+1]) >= 0 {
		return 0
	}
	switch t[i : i+2] {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return 0
	}
	k, n := i+2, 0
	for n < 6 && k < len(t) {
		if n%2 == 0 && t[k] == ' ' {
			k++
		}
		if k >= len(t) || !isDigit(t[k]) {
			return 0
		}
		k, n = k+1, n+1
	}
	if k < len(t) && t[k] == ' ' {
		k++
	}
	if n < 6 || k >= len(t) || t[k] < 'A' || t[k] > 'D' || (k+1 < len(t) && isWord(t[k+1])) {
		return 0
	}
	s.found(UKNINO, i, k+1)
	return k + 1
}

// nie is X, Y or Z (counted 0, 1, 2), seven digits and the check letter, perhaps with dashes.
func (s *scanner) nie(i int) int {
	t := s.text
	k, n := i+1, int(t[i]-'X')
	if k < len(t) && t[k] == '-' {
		k++
	}
	if k+7 >= len(t) {
		return 0
	}
	for range 7 {
		if !isDigit(t[k]) {
			return 0
		}
		n, k = n*10+int(t[k]-'0'), k+1
	}
	if t[k] == '-' && k+1 < len(t) {
		k++
	}
	if t[k] != dniLetter(n) || (k+1 < len(t) && isWord(t[k+1])) {
		return 0
	}
	s.found(ESDNI, i, k+1)
	return k + 1
}

// ibanLengths are the lengths of the IBAN registry by country.
const ibanLengths = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23" +
	"GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18" +
	"NO15OM23PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20"

func ibanLength(country string) int {
	for i := 0; i < len(ibanLengths); i += 4 {
		if ibanLengths[i:i+2] == country {
			return int(ibanLengths[i+2]-'0')*10 + int(ibanLengths[i+3]-'0')
		}
	}
	return 0
}

// iban reads the country's length in characters, single spaces or dashes between groups allowed.
func (s *scanner) iban(i int) int {
	t := s.text
	want := ibanLength(t[i : i+2])
	var buf [34]byte
	n, k := 0, i
	for k < len(t) && n < want {
		switch {
		case isDigit(t[k]) || isUpper(t[k]):
			buf[n] = t[k]
			n++
		case n >= 4 && (t[k] == ' ' || t[k] == '-') && t[k-1] != ' ' && t[k-1] != '-':
		default:
			return 0
		}
		k++
	}
	if want == 0 || n < want || (k < len(t) && isWord(t[k])) || !mod97(buf[:n]) {
		return 0
	}
	s.found(IBAN, i, k)
	return k
}

// email looks around an @ sign.
func (s *scanner) email(at int) int {
	t := s.text
	from := at
	for from > 0 && at-from < 64 && localByte(t[from-1]) {
		from--
	}
	for from < at && (t[from] == '.' || t[from] == '-' || t[from] == '\'') {
		from++
	}
	if from == at || t[at-1] == '.' || t[from:at] == "git" {
		return 0
	}
	if from > 0 && (t[from-1] == ':' || t[from-1] == '/') && !mailto(t[:from]) {
		return 0 // the password of a URL, or a path
	}
	end := domainEnd(t, at+1)
	if end == 0 {
		return 0
	}
	s.found(Email, from, end)
	return end
}

func mailto(head string) bool {
	const m = "mailto:"
	return len(head) >= len(m) && hasFold(head[len(head)-len(m):], m)
}

func localByte(b byte) bool {
	return isWord(b) || b == '.' || b == '-' || b == '+' || b == '%' || b == '\''
}

// domainEnd is where a domain with at least two labels and a plausible last one ends, or 0. Endings of file names (as in
// icon@2x.png) are no domains.
func domainEnd(t string, i int) int {
	k, dot := i, 0
	for k < len(t) && k-i < 253 && (isWord(t[k]) && t[k] != '_' || t[k] == '-' || t[k] == '.' && k+1 < len(t) && isWord(t[k+1])) {
		if t[k] == '.' {
			dot = k
		}
		k++
	}
	if dot <= i || k-dot-1 < 2 || k-dot-1 > 24 {
		return 0
	}
	for _, b := range []byte(t[dot+1 : k]) {
		if !isLetter(b) {
			return 0
		}
	}
	switch t[dot+1 : k] {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "mjs", "ts", "tsx", "jsx", "json", "html", "go", "py", "rb",
		"java", "php", "yaml", "yml", "toml", "txt", "xml", "service", "timer", "socket", "target", "latest":
		return 0
	}
	return k
}
