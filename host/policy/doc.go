// Package policy reads policy files, checks them, and compiles them to WebAssembly.
//
// # A policy file
//
// A file is YAML, or JSON when its name ends in .json:
//
//	version: "1.0"                # or apiVersion: governance.toolkit/v1
//	name: data-analyst            # a-z 0-9 . -; absent: made of the file's name
//	description: what it is for
//	agent: "data-analyst-*"       # or agents: [..]; absent: every agent
//	default_action: deny          # allow | deny; absent: the policy abstains where no rule decides
//	mode: enforce                 # enforce (as if absent) | monitor: recorded, and no part of the verdict
//	conflict: deny_overrides      # deny_overrides (as if absent) | priority_first_match
//	extends: preset:strict        # or a path from this file's folder
//	rules:
//	  - name: no-pii-export
//	    description: what it is for
//	    condition: "action.type == 'export' and data.contains_pii"
//	    action: deny              # allow | deny | warn | log | require_approval
//	    limit: "100/hour"         # COUNT/second, minute, hour or day; with allow, or without an action
//	    approvers: [security]     # with require_approval alone; absent: anyone the operator lets approve
//	    priority: 10              # the higher goes first; absent: 0
//	    enabled: true             # false: the rule is checked and then left out
//	    stage: pre_tool           # pre_tool (as if absent) | post_tool: on the action's result
//	    redact: [data.card]       # paths kept out of ledger and logs
//
// version (or apiVersion), and a rule's name, must be there, and so must a rule's action or limit. A rule without condition
// always applies. A rule with limit and no action allows until the limit is reached. At post_tool a rule may deny, warn or
// log; defaults, limits and approvals have no meaning after the action. redact applies whenever the policy does, whether or
// not its rule fires, and its paths may begin with any root.
//
// Agents are globs, * for any characters and ? for one, matched with regard to case against the agent's name, its DID, and
// the short form did:mesh:NAME. A policy that does not select an agent gives nothing for it, not even its default.
//
// # Conditions
//
//	condition   = conjunction { ( "or" | "||" ) conjunction } .
//	conjunction = negation { ( "and" | "&&" ) negation } .
//	negation    = ( "not" | "!" ) negation | predicate .
//	predicate   = "(" condition ")"
//	            | "exists" "(" path ")"
//	            | ( "any" | "all" ) "(" name "in" path "," condition ")"
//	            | operand [ relation ] .
//	relation    = ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//	            | [ "not" ] "in" operand
//	            | ( "contains" | "startswith" | "endswith" ) operand
//	            | "matches" string .
//	operand     = path | literal | list | ( "len" | "lower" ) "(" operand ")" .
//	path        = name { "." name | "[" ( string | index ) "]" } .
//	literal     = string | number | "true" | "false" | "null" .
//	list        = "[" [ operand { "," operand } [ "," ] ] "]" .
//	name        = letter { letter | digit } .                     letters are A-Z, a-z and _
//	index       = digit { digit } .                               at most 2147483647
//	number      = [ "+" | "-" ] digit { digit } [ "." digit { digit } ] [ ( "e" | "E" ) [ "+" | "-" ] digit { digit } ] .
//	string      = "'" … "'" | `"` … `"` .
//
// Words of the language are written small and mean themselves after a dot (data.contains). && || and ! are and, or and not
// in every respect, so ! takes the whole comparison behind it: !data.a == 1 is not (data.a == 1). A comparison cannot be
// compared again; parentheses hold conditions and never operands. An operand without relation must be a path, or true or
// false.
//
// A path begins with agent, action, tool, data, resource or context, in rules of stage post_tool also with result, or with
// the variable of a quantifier around it. A variable is none of the roots, none of the language's words and no variable
// around it; it is not yet in sight in its own list.
//
// A string ends on its line. Its escapes are \\ \" \' \n \t \r and \uXXXX, two of them for a character beyond U+FFFF; any
// other backslash is an error. (Within YAML's double quotes, YAML takes each backslash once before.) A number without point
// and exponent is an exact int64, and an error beyond that; any other is the nearest float64. Leading zeros are errors.
//
// A list holds literals and paths. One that holds a path stands on the right of in alone. matches takes RE2's syntax
// (regexp/syntax, PatternFlags), looks anywhere in the string, and is compiled to an automaton of bounded size.
//
// What literals alone decide is an error: ordering anything but numbers or strings, or one against the other; comparing
// literals of two kinds; a function on what it is not for; in without a list; an invalid pattern.
//
// # True, false, indeterminate
//
// A condition has three values, joined as Kleene does: and is the least of its parts and or the greatest, with false below
// indeterminate below true, so that the order of writing never matters; not swaps true and false. A path that leads nowhere,
// also through a scalar, is missing. null is a value and not missing.
//
//	                                a value            another type     missing
//	data.x                          itself             indeterminate    false
//	exists(data.x)                  true               true             false
//	data.x == y, data.x in list     deep equality      false            false
//	data.x != y, data.x not in list its opposite       true             true, but see below
//	data.x < y and the like         by number or byte  indeterminate    indeterminate
//	contains, startswith, endswith,
//	matches, len, lower             as they say        indeterminate    indeterminate
//	in data.x                       is it an item      indeterminate    false; not in: true, but see below
//	any(v in data.x, …)             or over the items  indeterminate    indeterminate; over none: false
//	all(v in data.x, …)             and over the items indeterminate    indeterminate; over none: true
//
// Numbers compare by value, 5 equals 5.0, without rounding; strings as bytes; lists and objects deeply. len counts code
// points of a string, items of a list. lower maps each code point by Unicode.
//
// In a rule that allows, by action or by limit, what is true only because a value is missing is indeterminate, however it is
// spelled: not (data.x == 'a') is data.x != 'a'. A rule that is meant to allow in the absence of a value says not exists(…).
//
// Where a condition is indeterminate, rules that deny, require approval, warn or log fire and say so; rules that allow do not
// allow, and their limits count all the same. What is not known never helps the caller.
//
// # Several rules, several files
//
// Under deny_overrides every rule that fires takes part: any deny wins, then any require_approval, then any allow, then the
// default. Under priority_first_match the first rule that decides, by priority and then in file order, settles it; warn, log
// and allow rules that are indeterminate do not end the search. Priority and conflict act inside one policy, with its
// parents.
//
// extends names one parent: a preset, or a file by a path from the folder of the file that names it, with slashes. Absolute
// paths, backslashes, drive letters and ~ are refused; how far .. reaches is up to the Files that are read (an FS ends at its
// root); a preset extends presets alone. The parent's rules come first. At most 8 parents stand one above the other, in no
// circle. A rule cannot be replaced: its name a second time is an error. The parent's mode and conflict bind, the ones it does
// not write as well as those it does. The default may become stricter only, from allow over none to deny; one that is not
// written is the parent's. If the parent selects agents, the child says which it is for, since neither its parent's nor every
// agent would be meant for certain.
//
// # What is refused
//
// A file is refused whole, and everything wrong with it, with its parents and with the other files of a folder is told at once
// (Errors), each with file, line, column, the line itself, a caret and a hint. A condition is reported up to its first
// violation of the grammar, and else with everything that the check finds. Unknown keys and keys written twice are errors,
// and so are a key without a value, an empty string or list in place of one (rules: [] is no error), a rule named default,
// which is the name that default_action has in findings, and a policy's name that two loaded policies share.
//
// Anchors, aliases, merge keys, tags, several documents, invalid UTF-8, control and invisible format characters (U+200C and
// U+200D excepted), and carriage returns of their own make a YAML file mean something else than it shows; they are refused. A
// byte order mark at the start and CRLF are let pass. version: 1.0 may go without quotes; other strings that YAML takes for
// numbers or booleans may not, save true and false as a condition.
//
// Limits: a file 1 MiB, lists and mappings 64 deep; a policy 10,000 rules with its parents'; a name 128 bytes; a limit
// counts to 1,000,000; a condition 64 KiB, 8,192 words and symbols, 32 levels of nesting, 4 of them any or all; a path 32 steps.
package policy
