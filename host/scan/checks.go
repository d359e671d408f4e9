package scan

// The check digits of identifiers. All take digits only (or the characters named) and a length already checked.

// luhn is ISO/IEC 7812-1 annex B.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// mod97 is ISO 7064 MOD 97-10 over an IBAN without spaces, upper-case, the first four characters counted last.
func mod97(iban []byte) bool {
	r := 0
	for i := range iban {
		b := iban[(i+4)%len(iban)]
		if isDigit(b) {
			r = (r*10 + int(b-'0')) % 97
		} else {
			r = (r*100 + int(b-'A') + 10) % 97
		}
	}
	return r == 1
}

// mod1110 is ISO 7064 MOD 11,10, the check of the German tax number.
func mod1110(d []byte) bool {
	p := 10
	for _, b := range d[:len(d)-1] {
		s := (int(b-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (11-p)%10 == int(d[len(d)-1]-'0')
}

// weighted sums the digits times the weights.
func weighted(d []byte, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(d[i]-'0') * w
	}
	return sum
}

// bsn is the Dutch "elfproef".
func bsn(d []byte) bool { return weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0 && number(d) != 0 }

// nhs is the modulo 11 check of the NHS Data Dictionary.
func nhs(d []byte) bool {
	c := 11 - weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return c%11 == int(d[9]-'0') && c != 10
}

// pesel has a date and a weighted check digit.
func pesel(d []byte) bool {
	month, day := number(d[2:4])%20, number(d[4:6])
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
		(weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)+int(d[10]-'0'))%10 == 0
}

// cpf has two modulo 11 check digits; eleven equal digits pass them and are not issued.
func cpf(d []byte) bool {
	if same(d) {
		return false
	}
	a := weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	b := weighted(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return a == int(d[9]-'0') && b == int(d[10]-'0')
}

// nir is the French number: sex, year, month, department, and 97 minus the rest modulo 97. 2A and 2B count as 19 and 18.
func nir(d []byte) bool {
	month := number(d[3:5])
	if (d[0] != '1' && d[0] != '2') || month == 0 || (month > 12 && month < 20) || (month > 42 && month < 50) {
		return false
	}
	return 97-number(d[:13])%97 == number(d[13:15])
}

// steuerID wants, among the first ten digits, exactly one digit twice or three times and none but the missing otherwise.
func steuerID(d []byte) bool {
	var seen [10]int
	for _, b := range d[:10] {
		seen[b-'0']++
	}
	twice, thrice, more := 0, 0, 0
	for _, n := range seen {
		switch {
		case n == 2:
			twice++
		case n == 3:
			thrice++
		case n > 3:
			more++
		}
	}
	return d[0] != '0' && twice+thrice == 1 && more == 0 && mod1110(d)
}

// verhoeff is the check of the Aadhaar number: the dihedral group D5.
func verhoeff(d []byte) bool {
	const mul = "0123456789" + "1234067895" + "2340178956" + "3401289567" + "4012395678" +
		"5987604321" + "6598710432" + "7659821043" + "8765932104" + "9876543210"
	const perm = "0123456789" + "1576283094" + "5803796142" + "8916043527" + "9453126870" + "4286573901" + "2793806415" + "7046913258"
	c := 0
	for i := range d {
		p := int(perm[i%8*10+int(d[len(d)-1-i]-'0')] - '0')
		c = int(mul[c*10+p] - '0')
	}
	return c == 0
}

// dniLetter is the check letter of a Spanish number.
func dniLetter(n int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] }

// codiceFiscale checks the sixteenth character of the Italian tax code, upper-case.
func codiceFiscale(c string) bool {
	const odd = "\x01\x00\x05\x07\x09\x0d\x0f\x11\x13\x15\x02\x04\x12\x14\x0b\x03\x06\x08\x0c\x0e\x10\x0a\x16\x19\x18\x17"
	sum := 0
	for i := range 15 {
		n := int(c[i] - 'A')
		if isDigit(c[i]) {
			n = int(c[i] - '0')
		}
		if i%2 == 0 {
			n = int(odd[n])
		}
		sum += n
	}
	return c[15] == byte('A'+sum%26)
}

func number(d []byte) int {
	n := 0
	for _, b := range d {
		n = n*10 + int(b-'0')
	}
	return n
}

func same(d []byte) bool {
	for _, b := range d {
		if b != d[0] {
			return false
		}
	}
	return true
}
