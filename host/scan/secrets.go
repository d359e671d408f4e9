package scan

import "strings"

// prefixed is a secret that its first characters give away.
type prefixed struct {
	prefix   string
	kind     Kind
	chars    string // "w" word characters, "b" base64url, "h" hexadecimal, "u" upper case and digits, "." base64url and dots
	min, max int    // characters after the prefix
}

// prefixes come from the issuers' documentation of their token formats; AGENTMESH is host/identity's.
var prefixes = []prefixed{
	{"AKIA", AWSAccessKey, "u", 16, 16},
	{"ASIA", AWSAccessKey, "u", 16, 16},
	{"ABIA", AWSAccessKey, "u", 16, 16},
	{"ghp_", GitHubToken, "w", 36, 255},
	{"gho_", GitHubToken, "w", 36, 255},
	{"ghu_", GitHubToken, "w", 36, 255},
	{"ghs_", GitHubToken, "w", 36, 255},
	{"ghr_", GitHubToken, "w", 36, 255},
	{"github_pat_", GitHubToken, "w", 60, 255},
	{"glpat-", GitLabToken, ".", 20, 300},
	{"gldt-", GitLabToken, ".", 20, 300},
	{"glrt-", GitLabToken, ".", 20, 300},
	{"glptt-", GitLabToken, "b", 40, 40},
	{"glcbt-", GitLabToken, ".", 20, 300},
	{"xoxb-", SlackToken, "b", 20, 250},
	{"xoxp-", SlackToken, "b", 20, 250},
	{"xoxa-", SlackToken, "b", 20, 250},
	{"xoxr-", SlackToken, "b", 20, 250},
	{"xoxs-", SlackToken, "b", 20, 250},
	{"xoxe-", SlackToken, "b", 20, 250},
	{"xapp-", SlackToken, "b", 30, 250},
	{"sk_live_", StripeKey, "w", 20, 250},
	{"sk_test_", StripeKey, "w", 20, 250},
	{"rk_live_", StripeKey, "w", 20, 250},
	{"rk_test_", StripeKey, "w", 20, 250},
	{"whsec_", StripeKey, "w", 30, 250},
	{"AIza", GoogleAPIKey, "b", 35, 35},
	{"ya29.", GoogleOAuthToken, ".", 30, 2048},
	{"GOCSPX-", GoogleOAuthToken, "b", 28, 28},
	{"sk-ant-", AnthropicKey, "b", 32, 250},
	{"sk-proj-", OpenAIKey, "b", 40, 250},
	{"sk-svcacct-", OpenAIKey, "b", 40, 250},
	{"sk-admin-", OpenAIKey, "b", 40, 250},
	{"sk-or-v1-", OpenAIKey, "h", 64, 64},
	{"sk-", OpenAIKey, "w", 40, 64},
	{"hf_", HuggingFaceToken, "w", 34, 40},
	{"npm_", NPMToken, "w", 36, 36},
	{"pypi-", PyPIToken, "b", 80, 500},
	{"SG.", SendGridKey, ".", 60, 72},
	{"dop_v1_", DigitalOceanToken, "h", 64, 64},
	{"doo_v1_", DigitalOceanToken, "h", 64, 64},
	{"shpat_", ShopifyToken, "h", 32, 32},
	{"shpss_", ShopifyToken, "h", 32, 32},
	{"shpca_", ShopifyToken, "h", 32, 32},
	{"hvs.", VaultToken, "b", 24, 250},
	{"hvb.", VaultToken, "b", 24, 250},
	{"dckr_pat_", DockerToken, "b", 27, 40},
	{"AGE-SECRET-KEY-1", AgeKey, "u", 58, 58},
	{"AGENTMESH-SECRET-KEY-1", PrivateKey, "b", 86, 86},
	{"ATATT3", AtlassianToken, "=", 80, 300},
	{"lin_api_", LinearKey, "w", 40, 48},
	{"SK", TwilioKey, "h", 32, 32},
}

// byFirst are the indices of prefixes by first byte.
var byFirst = firstBytes()

func firstBytes() (by [256][]uint8) {
	for i, p := range prefixes {
		by[p.prefix[0]] = append(by[p.prefix[0]], uint8(i))
	}
	return by
}

// token looks for a secret that begins at the word t[i:j], and returns its end or 0.
func (s *scanner) token(i, j int) int {
	t := s.text
	for _, k := range byFirst[t[i]] {
		p := &prefixes[k]
		if !strings.HasPrefix(t[i:], p.prefix) {
			continue
		}
		end := run(t, i+len(p.prefix), p.chars, p.max+1)
		if n := end - i - len(p.prefix); n >= p.min && n <= p.max && random(t[i+len(p.prefix):end]) {
			s.found(p.kind, i, end)
			return end
		} else if n > p.max {
			return end
		}
	}
	switch t[i] {
	case 'e':
		return s.jwt(i)
	case 'B', 'b':
		if end := s.authorization(i, j); end > 0 {
			return end
		}
	case 'h', 'H':
		if strings.HasPrefix(t[i:], "hooks.slack.com/services/T") {
			end := i + 25
			for end < len(t) && (isWord(t[end]) || t[end] == '/') {
				end++
			}
			if end-i > 60 {
				s.found(SlackWebhook, i, end)
				return end
			}
		}
	}
	if isDigit(t[i]) && j < len(t) && t[j] == ':' && j-i >= 8 && j-i <= 10 {
		return s.telegram(i, j)
	}
	return 0
}

// telegram is a bot's number, a colon and 35 characters.
func (s *scanner) telegram(i, j int) int {
	end := run(s.text, j+1, "b", 36)
	if end-j-1 != 35 || !strings.HasPrefix(s.text[j+1:], "AA") {
		return 0
	}
	s.found(TelegramToken, i, end)
	return end
}

// run is where the characters of a set end, after at most limit of them.
func run(t string, i int, set string, limit int) int {
	end := min(len(t), i+limit)
	for i < end && inSet(t[i], set[0]) {
		i++
	}
	return i
}

func inSet(b, set byte) bool {
	switch set {
	case 'w':
		return isWord(b)
	case 'u':
		return isUpper(b) || isDigit(b)
	case 'h':
		return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'f'
	case '.':
		return isWord(b) || b == '-' || b == '.'
	case '=':
		return isWord(b) || b == '-' || b == '='
	case '/':
		return isWord(b) || b == '+' || b == '/' || b == '='
	default:
		return isWord(b) || b == '-'
	}
}

// random reports whether a secret looks made by chance: eight or more different characters, and not the EXAMPLE of a
// handbook.
func random(w string) bool {
	var seen [4]uint64
	n := 0
	for i := range len(w) {
		if b := w[i]; seen[b>>6]&(1<<(b&63)) == 0 {
			seen[b>>6] |= 1 << (b & 63)
			n++
		}
	}
	return n >= 8 && !strings.Contains(w, "EXAMPLE") && !strings.Contains(w, "example")
}

// jwt is three base64url parts, the first two beginning with an object.
func (s *scanner) jwt(i int) int {
	t := s.text
	if !strings.HasPrefix(t[i:], "eyJ") {
		return 0
	}
	a := run(t, i, "b", 4096)
	if a >= len(t) || t[a] != '.' || !strings.HasPrefix(t[a+1:], "eyJ") {
		return a
	}
	b := run(t, a+1, "b", 16384)
	if b >= len(t) || t[b] != '.' {
		return b
	}
	c := run(t, b+1, "b", 8192)
	if c-b < 17 {
		return c
	}
	s.found(JWT, i, c)
	return c
}

// authorization is "Bearer" or "Basic" and its credential.
func (s *scanner) authorization(i, j int) int {
	t := s.text
	basic := j-i == 5 && hasFold(t[i:j], "basic")
	if !basic && !(j-i == 6 && hasFold(t[i:j], "bearer")) {
		return 0
	}
	if j+1 >= len(t) || t[j] != ' ' {
		return 0
	}
	if basic {
		end := run(t, j+1, "/", 512)
		if end-j < 9 || !basicPair(t[j+1:end]) {
			return 0
		}
		s.found(BasicAuth, j+1, end)
		return end
	}
	end := bearerEnd(t, j+1)
	if v := t[j+1 : end]; len(v) < 16 || digitsIn(v) < 2 && turns(v) <= len(v)*2/5 || !random(t[j+1:end]) || jwtLike(t[j+1:end]) {
		return 0
	}
	s.found(BearerToken, j+1, end)
	return end
}

// jwtLike leaves a JWT after Bearer to its own kind.
func jwtLike(w string) bool { return strings.HasPrefix(w, "eyJ") && strings.Count(w, ".") == 2 }

func bearerEnd(t string, i int) int {
	end := min(len(t), i+4096)
	for i < end && (inSet(t[i], '/') || t[i] == '.' || t[i] == '-' || t[i] == '~') {
		i++
	}
	return i
}

// privateKey is a PEM block whose label ends in PRIVATE KEY, to its end line or at most 16 KiB.
func (s *scanner) privateKey(i int) int {
	t := s.text
	const begin = "-----BEGIN "
	if !strings.HasPrefix(t[i:], begin) {
		return 0
	}
	head := t[i+len(begin) : min(len(t), i+len(begin)+48)]
	k := strings.Index(head, "PRIVATE KEY")
	if k < 0 || strings.IndexByte(head[:k], '-') >= 0 {
		return i + len(begin)
	}
	if !keyBody(t[i+len(begin) : min(len(t), i+512)]) {
		return i + len(begin)
	}
	body := t[i:min(len(t), i+16<<10)]
	end := i + len(body)
	if k := strings.Index(body, "-----END "); k >= 0 {
		end = i + k
		for end < len(t) && end < i+k+60 && t[end] != '\n' && t[end] != '"' {
			end++
		}
	}
	s.found(PrivateKey, i, end)
	return end
}

// keyBody reports whether a line of base64 follows, as in a key and not in a text about keys.
func keyBody(body string) bool {
	_, body, _ = strings.Cut(body, "-----")
	n := 0
	for i := 0; i < len(body) && i < 400; i++ {
		if inSet(body[i], '/') && body[i] != '_' {
			if n++; n >= 24 {
				return true
			}
			continue
		}
		n = 0
	}
	return false
}
