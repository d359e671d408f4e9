package scan

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// positive makes a text of the kind: data that passes the checks the issuers publish, with the words that stand by such
// data where a kind needs them. Secrets are made up here, so that none stands in the source.
func (m maker) positive(k Kind) string {
	switch {
	case k.Class() == Secret:
		return m.secret(k)
	case k <= INPAN:
		return m.number(k)
	case k == DateOfBirth:
		d := fmt.Sprintf("%04d-%02d-%02d", 1940+m.IntN(70), 1+m.IntN(12), 1+m.IntN(28))
		return m.pick("DOB: ", "date of birth ", "born on ", "geboren am ", `"birth_date": "`) + d
	}
	return m.pick("passport number ", "Passport No: ", "Reisepass ") + m.pick("C", "X", "AB", "F") + m.str(decimal, 7)
}

func (m maker) digitsThat(ok func([]byte) bool, make func() string) string {
	return m.until(func(s string) bool { return ok([]byte(s)) }, make)
}

func (m maker) number(k Kind) string {
	d := func(n int) string { return m.str(decimal, n) }
	switch k {
	case Email:
		return m.pick("ann", "j.smith", "max+list", "o'neil", "sales_eu") + m.pick("@example.org", "@mail.example.co.uk", "@ex-ample.io")
	case Phone:
		return m.phoneNumber()
	case CreditCard:
		c := m.digitsThat(luhn, func() string { return m.pick("4"+d(15), "51"+d(14), "2221"+d(12), "6011"+d(12), "3530"+d(12)) })
		if m.IntN(2) == 0 {
			return c
		}
		sep := m.pick(" ", "-")
		return c[:4] + sep + c[4:8] + sep + c[8:12] + sep + c[12:]
	case IBAN:
		return m.iban()
	case USSSN:
		return m.ssnText()
	case UKNINO:
		n := m.pick("AB", "CE", "JG", "WK") + d(6) + m.pick("A", "B", "C", "D")
		if m.IntN(2) == 0 {
			return n
		}
		return n[:2] + " " + n[2:4] + " " + n[4:6] + " " + n[6:8] + " " + n[8:]
	case UKNHS:
		n := m.digitsThat(nhs, func() string { return m.str("123456789", 1) + d(9) })
		return "NHS number " + n[:3] + " " + n[3:6] + " " + n[6:]
	case ESDNI:
		n := d(8)
		return n + string(dniLetter(number([]byte(n))))
	case INPAN:
		return "PAN: " + m.str(uppers, 3) + "P" + m.str(uppers, 1) + d(4) + m.str(uppers, 1)
	}
	return m.nationalNumber(k, d)
}

func (m maker) nationalNumber(k Kind, d func(int) string) string {
	switch k {
	case DESteuerID:
		return "Steuer-ID " + m.digitsThat(steuerID, func() string { return d(11) })
	case FRNIR:
		return m.digitsThat(nir, func() string {
			return m.pick("1", "2") + d(2) + fmt.Sprintf("%02d", 1+m.IntN(12)) + d(10)
		})
	case ITCodiceFiscale:
		return m.until(codiceFiscale, func() string {
			return m.str(uppers, 6) + d(2) + m.pick("A", "B", "H", "T") + d(2) + m.str(uppers, 1) + d(3) + m.str(uppers, 1)
		})
	case NLBSN:
		return "BSN " + m.digitsThat(bsn, func() string { return d(9) })
	case PLPESEL:
		return "PESEL: " + m.digitsThat(pesel, func() string { return d(11) })
	case SEPersonnummer:
		n := m.digitsThat(func(b []byte) bool { return date(b[2:4], b[4:6]) && luhn(b) }, func() string { return d(10) })
		return n[:6] + "-" + n[6:]
	case BRCPF:
		n := m.digitsThat(cpf, func() string { return d(11) })
		return n[:3] + "." + n[3:6] + "." + n[6:9] + "-" + n[9:]
	}
	n := m.digitsThat(verhoeff, func() string { return m.str("23456789", 1) + d(11) })
	return n[:4] + " " + n[4:8] + " " + n[8:]
}

func (m maker) ssnText() string {
	n := m.digitsThat(ssn, func() string { return m.str(decimal, 9) })
	if m.IntN(4) == 0 {
		return "SSN " + n
	}
	return n[:3] + "-" + n[3:5] + "-" + n[5:]
}

func (m maker) phoneNumber() string {
	us := m.digitsThat(nanp, func() string { return m.str(decimal, 10) })
	return m.pick(
		"+1 "+us[:3]+"-"+us[3:6]+"-"+us[6:], "("+us[:3]+") "+us[3:6]+"-"+us[6:], us[:3]+"-"+us[3:6]+"-"+us[6:], "+1"+us,
		"+44 20 7946 0"+m.str(decimal, 3), "+49 30 "+m.str(decimal, 8), "+33 6 12 34 56 "+m.str(decimal, 2), "+81 3-1234-"+m.str(decimal, 4),
		"07"+m.str(decimal, 3)+" "+m.str(decimal, 6), "Tel. 030 "+m.str(decimal, 7), "phone: "+us, "+91 98"+m.str(decimal, 8))
}

func (m maker) iban() string {
	s := m.until(func(s string) bool { return mod97([]byte(s)) }, func() string {
		return m.pick("DE"+m.str(decimal, 20), "GB"+m.str(decimal, 2)+"WEST"+m.str(decimal, 14), "FR"+m.str(decimal, 25), "NL"+m.str(decimal, 2)+"ABNA"+m.str(decimal, 10))
	})
	if m.IntN(2) == 0 {
		return s
	}
	var groups []string
	for len(s) > 4 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return strings.Join(append(groups, s), " ")
}

func (m maker) secret(k Kind) string {
	for _, p := range prefixes {
		if p.kind == k && m.IntN(3) == 0 || p.kind == k && lastPrefix(p) {
			set := alnum
			switch p.chars {
			case "h":
				set = hexes
			case "u":
				set = uppers + decimal
			}
			return p.prefix + m.str(set, p.min+m.IntN(min(p.max-p.min, 20)+1))
		}
	}
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(m.str(alnum+"!?*", n))) }
	raw := func(n int) string {
		return strings.TrimRight(base64.RawURLEncoding.EncodeToString([]byte(m.str(alnum, n))), "=")
	}
	switch k {
	case AWSSecretKey:
		return m.pick("aws_secret_access_key = ", "AWS_SECRET_ACCESS_KEY=") + m.str(alnum+"/+", 40)
	case SlackWebhook:
		return "https://hooks.slack.com/services/T" + m.str(uppers+decimal, 8) + "/B" + m.str(uppers+decimal, 10) + "/" + m.str(alnum, 24)
	case TelegramToken:
		return m.str("123456789", 10) + ":AA" + m.str(alnum, 33)
	case AzureKey:
		return "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + b64(64)
	case PrivateKey:
		head := "-----BEGIN " + m.pick("RSA ", "EC ", "OPENSSH ", "") + "PRIVATE KEY-----"
		return head + "\n" + b64(45) + "\n" + b64(45) + "\n" + strings.Replace(head, "BEGIN", "END", 1)
	case JWT:
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+m.str(decimal, 10)+`"}`)) + "." + raw(32)
	case BearerToken:
		return "Authorization: Bearer " + m.str(alnum, 40)
	case BasicAuth:
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+m.str(alnum, 10)))
	case URLPassword:
		return m.pick("postgres", "mysql", "redis", "https", "amqp", "mongodb+srv") + "://app:" + m.str(alnum, 12) + "@db.example.org:5432/prod"
	case Password:
		return m.pick("password=", "DB_PASSWORD=", "passwd: ", `"password": "`, "pwd = '", "PGPASSWORD=") + m.humanPassword()
	}
	return m.pick("api_key=", "API_KEY: ", `"clientSecret": "`, "secret_key = '", "auth-token: ", "ACCESS_TOKEN=") + m.str(alnum, 24+m.IntN(20))
}

// lastPrefix reports whether no further prefix has the kind, so that secret does not fall through.
func lastPrefix(p prefixed) bool {
	last := ""
	for _, q := range prefixes {
		if q.kind == p.kind {
			last = q.prefix
		}
	}
	return last == p.prefix
}

// humanPassword is what people choose; some are words alone, which are hard to tell from other values.
func (m maker) humanPassword() string {
	return m.pick("hunter"+m.str(decimal, 2), "S3cure!"+m.str(lowers, 4), m.str(alnum, 12), "winter20"+m.str(decimal, 2), "Tr0ub4dor&"+m.str(decimal, 1),
		"letmein"+m.str(decimal, 3), "p@ss"+m.str(alnum, 5), "correcthorse", "qwertyuiop")
}
