// Package scan finds what a text hides: personal data, secrets, instructions aimed at a model, and characters that
// people cannot see; and it takes such characters out.
//
// # Personal data
//
// Kinds with check digits are reported only when these hold; kinds that any number could be (telephone numbers without
// country code, dates of birth, passports, bare nine- to eleven-digit numbers) only beside a word that says so, within 32
// bytes before. Numbers known from advertisements and ranges that were never issued are left out.
//
// # Secrets
//
// By the forms their issuers document, and, for all others, by a name that holds credentials (api_key, clientSecret …) and
// a value that is long and mixed enough; passwords by such a name alone, when the value is no placeholder, reference or
// word of a form. A UUID, a hash or base64 without such a name is no finding.
//
// # Instructions
//
// The text is folded first (NFKC, look-alike letters, digits for letters, unseen characters, terminal sequences), then
// patterns of word groups are matched, each within one sentence: strong ones count alone, weak ones when two different
// ones stand within 2000 bytes. Runs of base64 and hexadecimal, percent-encoding and rot13 are undone once and looked at
// again, for secrets too. There are no patterns for single words or any URL: these alarm on clean text.
//
// Measure makes texts of all kinds in various surroundings, and clean ones, and counts: known patterns are no promise.
//
// All functions take time linear in the text, and none on plain text allocates.
package scan
