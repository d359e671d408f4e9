package scan

import "math/bits"

// Kind names one sort of thing a text may hide. Its String is stable: rules and ledgers use it.
type Kind uint8

// Class groups the kinds.
type Class uint8

// The classes of kinds. They are bits, so a scan can ask for several at once.
const (
	PII Class = 1 << iota
	Secret
	Instruction

	All = PII | Secret | Instruction
)

// The kinds of personal data. Those marked † are only reported when their check digits hold.
const (
	None Kind = iota
	Email
	Phone
	CreditCard // † Luhn, within an issuer's range and length
	IBAN       // † ISO 13616, modulo 97, the country's length
	USSSN      // areas, groups and serials the SSA has never issued are left out
	UKNINO
	UKNHS           // † modulo 11, in context
	DESteuerID      // †
	FRNIR           // †
	ESDNI           // † DNI and NIE
	ITCodiceFiscale // †
	NLBSN           // †, in context
	PLPESEL         // †
	SEPersonnummer  // †, in context unless written with its sign
	BRCPF           // †
	INAadhaar       // † Verhoeff
	INPAN
	DateOfBirth // in context
	Passport    // in context

	// The kinds of secrets.
	AWSAccessKey
	AWSSecretKey
	GitHubToken
	GitLabToken
	SlackToken
	SlackWebhook
	StripeKey
	GoogleAPIKey
	GoogleOAuthToken
	OpenAIKey
	AnthropicKey
	HuggingFaceToken
	NPMToken
	PyPIToken
	SendGridKey
	TwilioKey
	DigitalOceanToken
	ShopifyToken
	TelegramToken
	VaultToken
	DockerToken
	AgeKey
	AtlassianToken
	LinearKey
	AzureKey
	PrivateKey
	JWT
	BearerToken
	BasicAuth
	URLPassword
	Password
	GenericSecret

	// The kinds of instructions aimed at a model.
	Override     // set earlier instructions aside
	RoleChange   // become something else, or speak as the system
	Concealment  // keep it from the user
	PromptLeak   // give the system prompt away
	Exfiltration // send data elsewhere
	ToolSteering // call, prefer or shadow tools
	HiddenText   // text that people cannot see
	ChatMarkup   // the markup of a model's own conversation

	kindCount
)

// String is the kind's stable name.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "none"
}

// Class is the class the kind belongs to.
func (k Kind) Class() Class {
	switch {
	case k >= Override:
		return Instruction
	case k >= AWSAccessKey:
		return Secret
	default:
		return PII
	}
}

// Kinds lists every kind, in the order of the constants.
func Kinds() []Kind {
	ks := make([]Kind, 0, kindCount-1)
	for k := None + 1; k < kindCount; k++ {
		ks = append(ks, k)
	}
	return ks
}

var kindNames = [kindCount]string{
	"none",
	"email", "phone", "credit_card", "iban", "us_ssn", "uk_nino", "uk_nhs", "de_steuer_id", "fr_nir", "es_dni",
	"it_codice_fiscale", "nl_bsn", "pl_pesel", "se_personnummer", "br_cpf", "in_aadhaar", "in_pan",
	"date_of_birth", "passport",
	"aws_access_key", "aws_secret_key", "github_token", "gitlab_token", "slack_token", "slack_webhook", "stripe_key",
	"google_api_key", "google_oauth_token", "openai_key", "anthropic_key", "huggingface_token", "npm_token", "pypi_token",
	"sendgrid_key", "twilio_key", "digitalocean_token", "shopify_token", "telegram_token", "vault_token", "docker_token",
	"age_key", "atlassian_token", "linear_key", "azure_key", "private_key", "jwt", "bearer_token", "basic_auth",
	"url_password", "password", "generic_secret",
	"override", "role_change", "concealment", "prompt_leak", "exfiltration", "tool_steering", "hidden_text", "chat_markup",
}

// Set is a set of kinds; the zero Set is empty.
type Set struct{ lo, hi uint64 }

// Add puts a kind into the set.
func (s *Set) Add(k Kind) {
	if k < 64 {
		s.lo |= 1 << k
	} else {
		s.hi |= 1 << (k - 64)
	}
}

// Union adds all of t.
func (s *Set) Union(t Set) { s.lo |= t.lo; s.hi |= t.hi }

// Has reports whether the kind is in the set.
func (s Set) Has(k Kind) bool {
	if k < 64 {
		return s.lo&(1<<k) != 0
	}
	return s.hi&(1<<(k-64)) != 0
}

// Empty reports whether nothing is in the set.
func (s Set) Empty() bool { return s.lo|s.hi == 0 }

// Len is how many kinds are in the set.
func (s Set) Len() int { return bits.OnesCount64(s.lo) + bits.OnesCount64(s.hi) }

// Names are the names of the kinds of these classes, in the order of the constants; nil when there are none.
func (s Set) Names(c Class) []string {
	var names []string
	for k := None + 1; k < kindCount && !s.Empty(); k++ {
		if s.Has(k) && k.Class()&c != 0 {
			names = append(names, kindNames[k])
		}
	}
	return names
}

// Of is the part of the set that belongs to these classes.
func (s Set) Of(c Class) Set {
	var t Set
	for k := None + 1; k < kindCount && !s.Empty(); k++ {
		if s.Has(k) && k.Class()&c != 0 {
			t.Add(k)
		}
	}
	return t
}
