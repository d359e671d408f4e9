package mcp

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"agentmesh/host/scan"
)

// definitionPattern is what no honest definition says, though other texts may: package scan has the patterns for texts of
// any kind. They match within a sentence, in small letters, and only imperatives: "sends the user's password" is what a
// tool does, "send the user's password" is an order.
type definitionPattern struct {
	kind scan.Kind
	// needs are parts of words of which one must be there before the expression is tried, which costs more.
	needs []string
	is    func() *regexp.Regexp
}

// lazily compiles an expression when it is first needed: most sessions never need it, and all would start later by it.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// The parts of patterns.
const (
	within = `[^.!?;]{0,80}`
	hand   = `\b(send|upload|post|forward|transmit|copy|attach|append|include|included|embed|insert|paste|pass|put|add)\b`
	// treasure is what belongs to the user and to no tool.
	treasure = `(the user'?s?|user'?s|all|any|every|their|his|her) ([a-z]+ )?(ssh (private )?keys?|private keys?|api keys?|access keys?|passwords?|credentials|cookies|environment variables|secrets)`
	keyFiles = `(~/\.(ssh|aws|cursor|claude|kube|gnupg|netrc)|\bid_(rsa|ed25519|ecdsa)\b|\bmcp\.json\b|/etc/shadow|\bclaude_desktop_config\b|\bauthorized_keys\b)`
	talk     = `((conversation|chat) (history|transcript|log|context)|(full|entire|whole|complete) (conversation|chat)|previous messages)`
)

var definitionPatterns = []definitionPattern{
	{scan.Exfiltration, []string{"~/.", "id_", "mcp.json", "/etc/", "claude_d", "authorized"}, lazily(
		`\b(read|open|cat|load|access|fetch|get)\b` + within + keyFiles + `|` + hand + within + keyFiles + `|` + keyFiles + within + hand)},
	{scan.Exfiltration, []string{"key", "password", "credential", "cookie", "environment", "secret"}, lazily(hand + within + `\b` + treasure + `\b`)},
	{scan.Exfiltration, []string{".env"}, lazily(`\.env\b` + within + `\b(included|passed|put|attached|sent|copied)\b` + within + `\b(argument|parameter|field|param)\b`)},
	{scan.Exfiltration, []string{"conversation", "chat", "messages"}, lazily(`\b(send|upload|post|forward|transmit|copy|append|paste|put|attach)\b` + within + talk)},
	{scan.Concealment, []string{"hide", "secret", "hidden"}, lazily(
		`\bhide (this|it|that|these|them)\b` + within + `\b(user|human|answer|response|reply|output)\b|\bkeep (this|it|that) (a )?(secret|hidden|confidential)\b`)},
	{scan.Override, []string{"apply", "instructions"}, lazily(
		`\b(safety|security|system|earlier|previous|original) (rules|guidelines|policies|restrictions|instructions)` + within +
			`\b(do not|does not|don't|no longer) apply (here|now|to (this|you|the))\b|\bnew instructions\b` + within + `\b(replace|override|supersede)\b`)},
	{scan.RoleChange, []string{"now", "pretend"}, lazily(
		`\byou are now (in|an?) ([a-z]+ )?(mode|unfiltered|unrestricted|jailbroken)\b|\bpretend to be (dan|an? (unfiltered|unrestricted|evil))\b`)},
	{scan.PromptLeak, []string{"prompt", "message", "instructions"}, lazily(
		`\b(output|print|repeat|reveal|include|write)\b[^.!?]{0,30}\b(system|developer|initial|hidden) (prompt|message|instructions)` + within +
			`\b(you (were|have been) given|verbatim|word for word)\b`)},
}

// shortText is the length below which a text is too short to order anything.
const shortText = 12

// definitionKinds are what the patterns find in a text.
func definitionKinds(text string) (found scan.Set) {
	if len(text) < shortText {
		return found
	}
	t := strings.ToLower(unmasked(text))
	flat := ""
	for i := range definitionPatterns {
		p := &definitionPatterns[i]
		if found.Has(p.kind) || !containsAny(t, p.needs) {
			continue
		}
		if flat == "" {
			flat = strings.Join(strings.Fields(t), " ")
		}
		if p.is().MatchString(flat) {
			found.Add(p.kind)
		}
	}
	return found
}

// unmasked is a text without what nobody sees, in the plain forms of its letters.
func unmasked(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			visible, _ := scan.Scrub(text, false)
			return strings.ReplaceAll(norm.NFKC.String(visible), "’", "'")
		}
	}
	return text
}

func containsAny(t string, words []string) bool {
	for _, w := range words {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}
