package scan

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// corpus is a sort of text in which there is nothing to find.
type corpus struct {
	name string
	make func(maker) string
}

var corpora = []corpus{
	{"uuids", func(m maker) string { return m.lines(10, maker.uuid) }},
	{"hashes", func(m maker) string {
		return m.lines(10, func(m maker) string { return m.str(hexes, []int{32, 40, 64, 128}[m.IntN(4)]) })
	}},
	{"base64", func(m maker) string { return "data:image/png;base64," + m.base64(600) }},
	{"numbers", func(m maker) string { return m.lines(20, maker.numberLine) }},
	{"logs", func(m maker) string { return m.lines(15, maker.logLine) }},
	{"json", func(m maker) string { return "[" + strings.Join(m.list(8, maker.jsonObject), ",\n") + "]" }},
	{"git", func(m maker) string { return m.lines(8, maker.gitLine) }},
	{"source", func(m maker) string { return m.lines(20, maker.sourceLine) }},
	{"configuration", func(m maker) string { return m.lines(12, maker.configLine) }},
	{"prose", func(m maker) string { return strings.Join(m.list(12, maker.sentence), " ") }},
	{"manuals", func(m maker) string { return strings.Join(m.list(8, maker.manualSentence), " ") }},
	{"other scripts", func(m maker) string { return strings.Join(m.list(8, maker.foreignSentence), " ") }},
}

func (m maker) list(n int, one func(maker) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = one(m)
	}
	return out
}

func (m maker) lines(n int, one func(maker) string) string {
	return strings.Join(m.list(n, one), "\n") + "\n"
}

func (m maker) uuid() string {
	h := m.str(hexes, 32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

func (m maker) base64(n int) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(m.Uint32())
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// numberLine holds long numbers as they come in data: identifiers, times, measures, versions, coordinates.
func (m maker) numberLine() string {
	return m.pick(
		"id="+m.str("123456789", 1)+m.str(decimal, 17), "17"+m.str(decimal, 11), "17"+m.str(decimal, 8), "v"+m.str(decimal, 1)+"."+m.str(decimal, 2)+"."+m.str(decimal, 1),
		m.str(decimal[1:], 2)+"."+m.str(decimal, 7)+","+m.str(decimal[1:], 1)+"."+m.str(decimal, 7), "192.168."+m.str(decimal[1:], 1)+"."+m.str(decimal[1:], 2)+":8080",
		"2026-0"+m.str(decimal[1:], 1)+"-1"+m.str(decimal, 1), "order "+m.str(decimal, 9), m.str(decimal, 3)+" "+m.str(decimal, 3)+" bytes",
		"0x"+m.str(hexes, 16), "$"+m.str(decimal[1:], 2)+",000.00", "ISBN 978-3-16-148410-0", "build "+m.str(decimal, 8)+"."+m.str(decimal, 1), m.str(decimal, 4)+"-"+m.str(decimal, 4),
		"total "+m.str(decimal[1:], 10), "SKU "+m.str(uppers, 3)+m.str(decimal, 6), "3.14159265358979")
}

func (m maker) logLine() string {
	at := fmt.Sprintf("2026-03-%02dT%02d:%02d:%02d.%s", 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60), m.str(decimal, 6))
	return at + " " + m.pick(
		"INFO request id="+m.uuid()+" status=200 bytes="+m.str(decimal, 5)+" took="+m.str(decimal, 2)+"ms",
		"WARN token expired for session "+m.uuid(), "ERROR password authentication failed for user \"app\"",
		"DEBUG cache key="+m.str(hexes, 40)+" hit=false", "INFO GET /api/v1/items/"+m.str(decimal, 12)+"?page_token="+m.base64(18),
		"INFO token_count=512 max_tokens: 4096 secret_name=db-main", "INFO pid 1234 listening on 127.0.0.1:8080 commit="+m.str(hexes, 7))
}

func (m maker) jsonObject() string {
	return m.pick(
		`{"id":"`+m.uuid()+`","etag":"`+m.str(hexes, 32)+`","next_page_token":"`+m.base64(24)+`"}`,
		`{"password":null,"token":"","secret":false,"token_type":"bearer","expires_in":3600}`,
		`{"integrity":"sha512-`+m.base64(64)+`","resolved":"https://registry.example.org/x/-/x-1.2.3.tgz"}`,
		`{"title":"Reset password","label":"Password","placeholder":"Enter your password"}`,
		`{"created":17`+m.str(decimal, 8)+`,"amount":`+m.str(decimal[1:], 6)+`,"ref":"`+m.str(uppers+decimal, 10)+`"}`,
		`{"sha":"`+m.str(hexes, 40)+`","tree":"`+m.str(hexes, 40)+`"}`)
}

func (m maker) gitLine() string {
	return m.pick("commit "+m.str(hexes, 40), "index "+m.str(hexes, 7)+".."+m.str(hexes, 7)+" 100644", "+++ b/src/main.go", "+"+m.str(decimal, 3)+" lines",
		"Merge pull request #"+m.str(decimal, 4)+" from feature/token-refresh", "git@github.com:org/repo.git", "+1234567890", "@@ -1,7 +1,9 @@ func password()")
}

func (m maker) sourceLine() string {
	return m.pick(
		"func (t *Tokenizer) Next() (Token, error) {", "	token := tokens[i]", "	password := os.Getenv(\"DB_PASSWORD\")", "if err := check(ctx, secretName); err != nil {",
		"const maxTokens = 4096", "var re = regexp.MustCompile(`^[a-z]+$`)", "	apiKey: process.env.API_KEY,", "password: str = Field(..., min_length=8)",
		"	token: string;", "import { secret } from './config'", "// ignore the error: the file may not exist", "	user, password, ok := r.BasicAuth()",
		"self.assertEqual(token, expected_token)", "key=lambda kv: kv[1],", "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
		"#define SECRET_LEN 32", "	return hmac.New(sha256.New, key)", "x = 4111 - y // 1111", "@Override public String toString() {", "curl -H \"Authorization: Bearer $TOKEN\" $URL",
		"	Hash: \""+m.str(hexes, 64)+"\",", "password = getpass.getpass()", "if token == nil { return ErrNoToken }", "const id = '"+m.uuid()+"'")
}

func (m maker) configLine() string {
	return m.pick("password: ${DB_PASSWORD}", "api_key: <your-api-key>", "token: \"{{ .Values.token }}\"", "secret: changeme", "image: app@sha256:"+m.str(hexes, 64),
		"client_id: "+m.uuid(), "PASSWORD=********", "access_key: YOUR_ACCESS_KEY", "secretName: tls-cert", "private_key: /etc/ssl/key.pem", "token_ttl: 3600",
		"database_url: postgres://localhost:5432/app", "url: https://user@example.org/", "passwordPolicy: strong", "auth: none", "password_file: /run/secrets/db")
}

func (m maker) sentence() string {
	return m.pick(
		"The committee met on Tuesday and agreed on the budget.", "You are now connected to the network.", "Ignore the noise and watch the road.",
		"Previous versions of the library had a bug.", "All rules of the game are printed on the box.", "Please read the instructions above before you begin.",
		"She told the user group about the release.", "He was born in the spring.", "The new system starts next year.", "Forget about the weather, the food was great.",
		"Our role is to help people find their way.", "They act as a bridge between the two teams.", "From now on the office opens at nine.", "Nobody told us about the secret door.",
		"Do not ignore the instructions of the driver.", "Send the parcel to the address below.", "The earlier rules were stricter.", "Your mission is to have fun.",
		"The prompt is shown at the bottom of the screen.", "It is important to drink water.")
}

// manualSentence is how manuals of tools and interfaces speak: full of commands, and none to a model.
func (m maker) manualSentence() string {
	return m.pick(
		"You must call initialize before any other method.", "Use this tool to read a file.", "Before using this function, create a client.", "Do not pass user input to the shell.",
		"The token is sent to the server in the Authorization header.", "Always call Close when you are done.", "This tool only works within allowed directories.",
		"If the flag is set, earlier rules are overridden by later rules.", "You can ignore all warnings with -w.", "Enable developer mode in the settings to install unsigned extensions.",
		"Print the system information with -v.", "Do not show the password to other users.", "Rules that match earlier take precedence over all later rules.",
		"To override the default prompt, set PS1.", "The system prompt of the shell can be changed.", "Read the contents of the file and return it as a string.",
		"Run the command without any arguments to display the help.", "The user has no permission to write here.", "Returns the previous instruction in the block.",
		"Disregard the first line of the output.", "Upload the keys to the server with ssh-copy-id.", "The assistant should ask for confirmation when in doubt.",
		"Store the credentials in a vault and pass them as environment variables.", "Skip the previous step when you have an account.", "Act as a proxy for the upstream server.")
}

func (m maker) foreignSentence() string {
	return m.pick("Die Sitzung beginnt um neun Uhr.", "Bitte lesen Sie die Anweisungen.", "Les instructions sont sur la table.", "La reunión es el lunes.", "会議は月曜日です。", "天气很好。",
		"Встреча в понедельник.", "اجتماع يوم الاثنين", "הפגישה ביום שני", "การประชุมวันจันทร์", "बैठक सोमवार को है।", "Τα λέμε τη Δευτέρα.", "👩\u200d👩\u200d👧 picnic 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☀️", "naïve café résumé", "می\u200cخواهم")
}
