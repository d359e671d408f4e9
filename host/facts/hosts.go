package facts

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// link is what a URL leads to: every host that one reader or another takes it to name.
type link struct {
	scheme string
	hosts  []string
	path   string
}

// parseURL reads a URL as browsers do (WHATWG: tabs and line ends ignored, backslashes as slashes, any number of slashes,
// user names before @) and as RFC 3986 does, and keeps the hosts of both readings. It is not ok for what has no scheme
// and no host.
func parseURL(raw string) (link, bool) {
	s := strings.Map(dropBreaks, strings.Trim(raw, " \t\r\n\v\f\x00"))
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !schemeName(scheme) || len(scheme) == 1 {
		if strings.HasPrefix(s, "//") {
			scheme, rest = "https", s
		} else {
			return link{}, false
		}
	}
	l := link{scheme: strings.ToLower(scheme)}
	special := l.scheme == "http" || l.scheme == "https" || l.scheme == "ws" || l.scheme == "wss" || l.scheme == "ftp"
	if !special && !strings.HasPrefix(rest, "//") {
		return l, true // mailto:, data:, javascript: and the like have no host
	}
	browser := rest
	if special {
		browser = strings.ReplaceAll(rest, `\`, "/")
	}
	l.addAuthority(strings.TrimLeft(browser, "/"), "/?#")
	if strings.IndexByte(rest, '\\') >= 0 {
		l.addAuthority(strings.TrimLeft(rest, "/"), "/?#")
	}
	if i := strings.IndexAny(strings.TrimLeft(browser, "/"), "/?#"); i >= 0 {
		l.path = strings.TrimLeft(browser, "/")[i:]
	}
	return l, true
}

func dropBreaks(r rune) rune {
	if r == '\t' || r == '\r' || r == '\n' {
		return -1
	}
	return r
}

func schemeName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || hexOrSign(s[i])) {
			return false
		}
	}
	return s != ""
}

// hexOrSign reports whether a byte may not stand in a scheme.
func hexOrSign(b byte) bool {
	return (b < '0' || b > '9') && b != '+' && b != '-' && b != '.'
}

// addAuthority takes the host behind the last @ (RFC 3986 and browsers), and the one behind the first as well, for
// readers that stop there.
func (l *link) addAuthority(rest, ends string) {
	if i := strings.IndexAny(rest, ends); i >= 0 {
		rest = rest[:i]
	}
	last := rest[strings.LastIndexByte(rest, '@')+1:]
	l.add(last)
	if first := rest[strings.IndexByte(rest, '@')+1:]; len(first) != len(last) {
		l.add(first[:strings.IndexByte(first, '@')])
	}
}

func (l *link) add(hostport string) {
	if h := canonicalHost(hostport); h != "" {
		l.hosts = appendNew(l.hosts, h)
	}
}

// canonicalHost folds the spellings of a host: case, percent-encoding, Unicode (to punycode), a trailing dot, the port,
// and IPv4 written in one to four decimal, octal or hexadecimal parts. IPv6 is written without brackets, an IPv4 address
// in IPv6 as IPv4.
func canonicalHost(h string) string {
	h = unquote(h)
	if strings.HasPrefix(h, "[") {
		h, _, _ = strings.Cut(h[1:], "]")
		return canonicalIPv6(h)
	}
	if strings.Count(h, ":") == 1 {
		h, _, _ = strings.Cut(h, ":")
	}
	if !ascii(h) {
		h = strings.Map(dropIgnored, norm.NFKC.String(h))
		if a, err := idna.Lookup.ToASCII(h); err == nil {
			h = a
		} else if a, err := idna.Punycode.ToASCII(strings.ToLower(h)); err == nil {
			h = a
		}
	}
	h = strings.ToLower(strings.TrimRight(h, "."))
	if ip, ok := looseIPv4(h); ok {
		return ip.String()
	}
	if strings.Count(h, ":") > 1 {
		return canonicalIPv6(h)
	}
	return h
}

func canonicalIPv6(h string) string {
	ip, err := netip.ParseAddr(h)
	if err != nil {
		return strings.ToLower(h)
	}
	return ip.WithZone("").Unmap().String()
}

// looseIPv4 reads an address as inet_aton does.
func looseIPv4(h string) (netip.Addr, bool) {
	if h == "" || (h[0] < '0' || h[0] > '9') {
		return netip.Addr{}, false
	}
	parts := strings.Split(h, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, p := range parts {
		n, ok := loosePart(p)
		if !ok {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			v = v<<8 | n
			continue
		}
		width := uint(8 * (5 - len(parts)))
		if n >= 1<<width {
			return netip.Addr{}, false
		}
		v = v<<width | n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

func loosePart(p string) (uint64, bool) {
	base := 10
	switch {
	case strings.HasPrefix(p, "0x"):
		p, base = p[2:], 16
		if p == "" {
			return 0, true
		}
	case len(p) > 1 && p[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(p, base, 33)
	return n, err == nil
}

// private reports whether a canonical host is not on the public Internet: loopback, private, link-local and shared
// addresses, metadata services, and names that only local resolvers know.
func private(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return privateIP(ip)
	}
	if strings.IndexByte(host, '.') < 0 && host != "" {
		return true
	}
	for _, suffix := range [...]string{
		".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".home.arpa", ".intranet", ".svc", ".cluster.local", ".localdomain",
		".test", ".onion", ".nip.io", ".sslip.io", ".localtest.me", ".lvh.me",
	} {
		if strings.HasSuffix(host, suffix) || host == suffix[1:] {
			return true
		}
	}
	return false
}

func privateIP(ip netip.Addr) bool {
	if ip.Is6() && !ip.Is4In6() {
		b := ip.As16()
		if b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b { // 64:ff9b::/96, IPv4 behind NAT64
			return privateIP(netip.AddrFrom4([4]byte{b[12], b[13], b[14], b[15]}))
		}
		if b[0] == 0x20 && b[1] == 0x02 { // 2002::/16, 6to4
			return privateIP(netip.AddrFrom4([4]byte{b[2], b[3], b[4], b[5]}))
		}
	}
	ip = ip.Unmap()
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsInterfaceLocalMulticast() {
		return true
	}
	if ip.Is4() {
		b := ip.As4()
		return b[0] == 0 || b[0] == 100 && b[1]&0xc0 == 64 || b[0] >= 240 || b[0] == 192 && b[1] == 0 && b[2] == 0 || b[0] == 198 && b[1]&0xfe == 18
	}
	return false
}
