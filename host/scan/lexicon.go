package scan

import "strings"

// The words instructions are made of, in groups, and the patterns over the groups. A pattern is a kind, whether it is
// strong (counts alone) or weak (two different ones in a text count), and groups in order; "..3" lets up to three other
// words stand before the next group. A sentence's end breaks a pattern off. A pattern marked "unless-not" does not begin
// right behind a negation: "do not ignore the instructions above" asks for nothing bad.
const wordGroups = `
not       not never dont cannot
ignore    ignore ignoring disregard disregarding forget discard override overriding bypass neglect
prior     previous prior above earlier preceding foregoing existing former past original initial system
whole     all any every your these those
rules     instructions instruction prompt prompts rules directions directives guidelines guardrails commands safeguards restrictions orders constraints
told      instructions prompts guidelines guardrails safeguards
forget    disregard disregarding forget discard
back      above previously earlier before
follow    follow obey
you       you
are       are
now       now
is        is are
new       new updated real true actual
task      task objective goal role mission instructions purpose job
your      your
free      dan unrestricted unfiltered uncensored jailbroken jailbreak evil amoral omnipotent
mode      mode
pretend   pretend act behave respond roleplay
as        as like
no        no without
limits    restrictions limits limitations guidelines rules filters filter morals ethics safeguards guardrails
from      from
on        on
will      will must shall should
obey      act respond answer obey behave pretend ignore comply
enter     enter enable activate
tell      tell inform mention notify alert
telling   telling informing mentioning notifying alerting
without   without
user      user users human humans operator
secret    secret hidden confidential
keep      keep
reveal    reveal print output repeat show display leak expose recite disclose dump
system    system initial hidden developer original secret
prompt    prompt prompts instructions
send      send post upload forward transmit exfiltrate leak email copy append
goods     passwords credentials secrets cookies conversation history chat rsa ssh passwd env wallet mnemonic seed
to        to
away      http https webhook email attacker
important important attention warning critical
before    before
using     using calling invoking use call running
this      this any these other
tool      tool tools function functions
always    always must
call      call use invoke run execute
first     first instead before
pass      pass include put insert add attach provide paste
content   content contents
field     sidenote parameter argument field note param
approved  approved authorized authorised permitted consented granted confirmed
already   already has have
ask       ask asking request requesting
leave     confirmation permission approval consent
message   message notice override update alert command
admin     admin administrator developer root system security
de_ignore ignoriere ignorieren vergiss missachte
de_prior  vorherigen bisherigen obigen vorigen früheren vorangegangenen
de_rules  anweisungen regeln instruktionen befehle vorgaben
fr_ignore ignore ignorez oublie oubliez ignorer
fr_rules  instructions consignes règles directives
fr_prior  précédentes antérieures précédents
es_ignore ignora ignore olvida ignorar ignorad dimentica esqueça
es_rules  instrucciones reglas indicaciones órdenes istruzioni instruções regole
es_prior  anteriores previas precedenti
nl_ignore negeer vergeet
nl_rules  instructies regels opdrachten
nl_prior  vorige eerdere voorgaande bovenstaande
ru_ignore игнорируй забудь игнорируйте проигнорируй
ru_rules  инструкции указания правила
rot       vtaber qvfertneq vafgehpgvbaf cerivbhf cebzcg flfgrz erfgevpgvbaf hfre whapgvba zragvba
`

const wordPatterns = `
override      strong unless-not  ignore ..3 prior ..2 rules
override      strong unless-not  ignore ..2 whole ..1 told
override      strong unless-not  forget ..2 rules ..2 back
override      weak unless-not  ignore ..2 rules ..2 back
override      strong  not follow ..3 prior ..2 rules
override      strong  de_ignore ..4 de_prior ..1 de_rules
override      strong  fr_ignore ..3 fr_rules ..1 fr_prior
override      strong  es_ignore ..3 es_rules ..1 es_prior
override      strong  nl_ignore ..3 nl_prior ..1 nl_rules
override      strong  ru_ignore ..3 ru_rules
override      weak    your new ..1 task is
role_change   strong  you are ..1 now ..3 free
role_change   strong  pretend ..2 as ..2 free
role_change   strong  pretend ..6 no limits
role_change   strong  enter ..2 free mode
role_change   strong  from now on you ..1 will ..2 obey
role_change   weak    this ..1 is ..2 admin message
role_change   weak    important ..1 system message
concealment   strong  not tell ..4 user
concealment   weak    without telling ..3 user
concealment   weak    keep ..2 secret ..2 from
prompt_leak   strong  reveal ..2 your ..2 system ..1 prompt
prompt_leak   weak    reveal ..3 system ..1 prompt
exfiltration  weak    send ..6 goods ..5 to ..4 away
exfiltration  weak    pass ..4 content ..4 field
exfiltration  weak    send ..4 content ..6 to ..4 away
tool_steering weak    before ..1 using ..2 tool
tool_steering weak    always ..1 call ..2 tool ..3 first
tool_steering weak    user ..1 already ..1 approved
tool_steering weak    not ask ..3 leave
`

// markup is what only a model's own conversation holds.
var markup = []string{
	"<|im_start|>", "<|im_end|>", "<|system|>", "<|endoftext|>", "<|start_header_id|>", "<|eot_id|>", "<|assistant|>", "<|user|>",
	"<<sys>>", "[/inst]", "<|begin_of_text|>",
}

// mask is a set of groups.
type mask [2]uint64

func (m mask) meets(n mask) bool { return m[0]&n[0]|m[1]&n[1] != 0 }

type step struct {
	group mask
	gap   int
}

type pattern struct {
	kind      Kind
	strong    bool
	unlessNot bool
	steps     []step
}

// lexicon is the groups of each word, as bits, and the patterns.
type lexicon struct {
	words    map[string]mask
	longest  int
	patterns []pattern
	not, rot mask
}

var instructionsLexicon = newLexicon(wordGroups, wordPatterns)

func newLexicon(groups, patterns string) *lexicon {
	l := &lexicon{words: map[string]mask{}}
	bits := map[string]mask{}
	for i, line := range lines(groups) {
		name, words, _ := strings.Cut(line, " ")
		var bit mask
		bit[i/64] = 1 << (i % 64)
		bits[name] = bit
		for _, w := range strings.Fields(words) {
			m := l.words[w]
			l.words[w] = mask{m[0] | bit[0], m[1] | bit[1]}
			l.longest = max(l.longest, len(w))
		}
	}
	l.not, l.rot = bits["not"], bits["rot"]
	for _, line := range lines(patterns) {
		l.patterns = append(l.patterns, newPattern(strings.Fields(line), bits))
	}
	return l
}

func newPattern(fields []string, bits map[string]mask) pattern {
	p := pattern{kind: kindNamed(fields[0]), strong: fields[1] == "strong"}
	gap := 0
	for _, f := range fields[2:] {
		switch {
		case f == "unless-not":
			p.unlessNot = true
		case strings.HasPrefix(f, ".."):
			gap = int(f[2] - '0')
		case bits[f] == mask{}:
			panic("scan: no group " + f)
		default:
			p.steps = append(p.steps, step{bits[f], gap})
			gap = 0
		}
	}
	return p
}

func lines(text string) []string {
	return strings.Split(strings.TrimSpace(text), "\n")
}

func kindNamed(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	panic("scan: no kind " + name)
}
