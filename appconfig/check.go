package appconfig

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Limits that WeChat documents.
const (
	// DomainsMax is how many domains one list of an app may hold.
	DomainsMax = 200
	// PlatformServersMax and PlatformJumpsMax bound the platform's own lists.
	PlatformServersMax = 1000
	PlatformJumpsMax   = 200
	debugMax           = 5
)

// CheckDomain says what is wrong with a server domain of a list; "" for nothing.
func CheckDomain(list List, v string) string { return checkURL(v, list.Scheme(), true) }

// CheckWebview says what is wrong with a web-view domain; "" for nothing.
func CheckWebview(v string) string { return checkURL(v, "https", false) }

// defaultPort is the port that a scheme means by itself.
var defaultPort = map[string]string{"https": "443", "wss": "443"}

func checkURL(v, scheme string, port bool) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != scheme || u.Hostname() == "" || u.User != nil || strings.ContainsAny(v, "?#") {
		return fmt.Sprintf("want %s:// and a domain, such as %s://api.example.com", scheme, scheme)
	}
	if u.Path != "" {
		return "want no path and no / at the end"
	}
	if msg := CheckHost(u.Hostname()); msg != "" {
		return msg
	}
	switch n, err := strconv.Atoi(u.Port()); {
	case u.Port() == "" && !strings.HasSuffix(u.Host, ":"):
		return ""
	case !port:
		return "a web-view domain has no port"
	case err != nil || n < 1 || n > 65535:
		return "want a port from 1 to 65535"
	case u.Port() == defaultPort[scheme]:
		return "leave the port " + u.Port() + " out: WeChat compares it as text, and links without it would not fit"
	}
	return ""
}

// CheckHost says why a host can't be a domain of an app; "" for nothing.
func CheckHost(host string) string {
	switch {
	case net.ParseIP(host) != nil:
		return "is an IP address: WeChat wants a domain"
	case host != strings.ToLower(host):
		return "want it in lower case"
	case host == "api.weixin.qq.com":
		return "WeChat's own API can't be a domain of an app: call it from your server"
	case !hostForm.MatchString(host):
		return "is no domain (write other letters than a to z as punycode, xn--...)"
	}
	return ""
}

var hostForm = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$`)

// hostOf is the domain's host, which is what the platform's own list holds.
func hostOf(domain string) string {
	u, err := url.Parse(domain)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// CheckTester says what is wrong with a WeChat id; "" for nothing.
func CheckTester(v string) string {
	if len(v) > 64 || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) || v == "" {
		return "want a WeChat id"
	}
	return ""
}

// CheckPrefix says what is wrong with the prefix of a QR code rule; "" for nothing.
func CheckPrefix(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "want an http or https link, such as https://shop.example.com/t/"
	}
	return CheckHost(u.Hostname())
}

var (
	libraryForm = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)
	storeForm   = regexp.MustCompile(`^[1-9][0-9]*天$`)
)

// CheckLibrary says what is wrong with the version of a base library; "" for nothing.
func CheckLibrary(v string) string {
	if !libraryForm.MatchString(v) {
		return "want a version such as 2.32.0"
	}
	return ""
}

// CheckStore says what is wrong with how long information is kept; "" for nothing.
func CheckStore(v string) string {
	if !storeForm.MatchString(v) {
		return "want a number of days, such as 30天"
	}
	return ""
}

// CheckVisibility says what is wrong with a visibility; "" for nothing.
func CheckVisibility(v string) string {
	if v != VisibilityOpen && v != VisibilityClosed {
		return "want open or closed"
	}
	return ""
}

func notBlank(v string) string {
	if strings.TrimSpace(v) == "" {
		return "want the use in words"
	}
	return ""
}

// below tells whether version a is lower than b; both have the form of a base library.
func below(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m < n
		}
	}
	return len(x) < len(y)
}
