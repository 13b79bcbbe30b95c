package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func checkBase(raw string) (base string, to origin, err error) {
	if raw == "" {
		raw = DefaultBaseURL
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", origin{}, errors.New("wxclient options: BaseURL is not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", origin{}, fmt.Errorf("wxclient options: BaseURL %q must be absolute, http or https", u.Redacted())
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", origin{}, errors.New("wxclient options: BaseURL must not hold a user, a query or a fragment")
	}
	return strings.TrimRight(raw, "/"), origin{u.Scheme, u.Host}, nil
}

// onlyTo copies the client. Its copy talks to one origin, and returns a redirect as the answer,
// which then counts as unreadable: a redirect would carry the token in its URL to another host.
func onlyTo(to origin, given *http.Client) *http.Client {
	client := http.Client{Timeout: DefaultTimeout, Transport: defaultTransport()}
	if given != nil {
		client = *given
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = pinned{to: to, next: client.Transport}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// origin is where requests may go: the scheme and host of BaseURL.
type origin struct{ scheme, host string }

// errElsewhere is why a request to another host than BaseURL's was not sent.
var errElsewhere = errors.New("the request is not for the host of BaseURL")

// pinned passes requests to one origin on and refuses all others, whoever made them: each carries
// a token. It compares names, not addresses, so it holds behind a proxy too.
type pinned struct {
	to   origin
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A refusal means that nothing was dialed.
func (p pinned) RoundTrip(r *http.Request) (*http.Response, error) {
	if (origin{r.URL.Scheme, r.URL.Host}) != p.to {
		if r.Body != nil {
			_ = r.Body.Close() // as RoundTripper asks; nothing was read
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errElsewhere}
	}
	return p.next.RoundTrip(r)
}

// defaultTransport keeps enough idle connections for a fleet's workers, which all talk to one host.
func defaultTransport() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := base.Clone()
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.MaxIdleConnsPerHost = 64
	return t
}
