// Package facts finds out what can be known of an action before it happens: its type, the places it reaches, the hosts it
// talks to, the SQL and the cluster calls it carries, the personal data and secrets in its arguments. It fills the parts
// action, tool, data and resource of a request (SEMANTICS §3); rules decide on them.
//
// # Where facts come from
//
// The tool table (policies/tools.yaml, extended by the operator's files) maps a server's tool to its type and its
// arguments to roles. A server is found by the package, image or file its command line starts (ServerName), never by what
// it says of itself. A tool the table does not know has the type unknown, and every string in its arguments that looks
// like a path or a URL, or stands under a name such as "file" or "url", counts as one; so does an argument that a row does
// not mention. A tool's annotations can make a reading row stronger, never weaker.
//
// What a caller states besides (Call.Given) is added to what is found and clears nothing: lists grow, booleans are OR-ed,
// and a stated type counts where the table has no row or is weaker than the host's own word.
//
// # Types
//
// From weak to strong: read, api_call, network, write, export, delete, execute, unknown. Where several things are found
// in one call, the strongest counts. Changing who may do what, reaching files or programs of a database server, and code
// that runs later (triggers, functions, rules) are execute.
//
// # Paths
//
// A string is held against roots and sensitive places under every spelling that some program undoes: percent-encoding
// (twice), file URIs, backslashes, Unicode compatibility forms, variables for the home folder, a NUL, outer blanks; for
// sensitive places also case, ignored characters, trailing dots and blanks, and NTFS streams. Relative paths start from
// the row's base argument, else the first root, else the working folder. On this machine symbolic links are followed to
// the deepest existing ancestor, once as cleaned paths do and once as the system does with "..". resource.paths holds all
// places that come out, as named and as resolved, so that a rule that forbids either is heard. Between this look and the
// tool's own a path can change: that race no look before the call can close.
//
// outside_roots is absent for servers elsewhere, and where neither roots nor the machine are known; it is false only when
// a path was found or the table accounts for the tool. paths, hosts, urls and sql are always lists: empty means that
// nothing was found.
//
// Not seen: what a program does inside a permitted command, 8.3 short names, hard links to sensitive files, files that a
// tool reaches on its own.
//
// # Hosts
//
// Hosts are folded as browsers do (case, IDN to punycode, integer, octal and hexadecimal IPv4, IPv4 within IPv6); where
// readers of a URL disagree on its host, all readings are listed. resource.private_hosts, a member beside those of the
// contract, is true when one of them is not on the public Internet.
//
// # SQL
//
// Every statement of a text is read by a parser of the dialect: PostgreSQL's own (go-pgquery, WebAssembly), meyer for
// SQLite, marino for MySQL. Each gives {verb, tables, where}; where is true when a condition that reads a column restricts
// the rows. A statement counts as read only when the parser accepts the whole text and every function in it is listed as
// one that only computes or reads. Not seen: what views, operators and rules of the database do behind a name.
//
// The PostgreSQL parser is compiled at its first use, in a second or two; WarmPostgres does so beforehand.
package facts
