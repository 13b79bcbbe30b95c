package wxclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultBaseURL is WeChat's API host.
	DefaultBaseURL = "https://api.weixin.qq.com"
	// DefaultTimeout bounds one HTTP exchange of the default HTTP client.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxReply is the largest reply read, in bytes.
	DefaultMaxReply = 1 << 20
	// listMaxReply is the largest reply of the endpoints that list apps, templates or drafts.
	listMaxReply = 8 << 20
)

// TokenSource hands out the tokens the client puts into its calls. It is called once per
// HTTP exchange, from many goroutines, and should therefore cache.
type TokenSource interface {
	// ComponentToken returns the token of the component itself.
	ComponentToken(ctx context.Context) (string, error)
	// AuthorizerToken returns the token for acting on behalf of one app.
	AuthorizerToken(ctx context.Context, appid string) (string, error)
	// Refused tells that WeChat refused this token; appid "" means the component's token.
	// It compares and swaps: a token that was replaced meanwhile stays.
	Refused(ctx context.Context, appid, token string) error
}

// Call describes one finished HTTP exchange.
type Call struct {
	// Endpoint is the path, one of a small closed set.
	Endpoint string
	// AppID is the app the call acted for, "" for the component. Not for metric labels.
	AppID string
	// Code is WeChat's errcode, 0 also when no readable answer came.
	Code int64
	// Class is the class of Code; empty when no readable answer came (see Err).
	Class Class
	// Err is what the exchange ended with, nil on success.
	Err error
	// Duration is the time from sending to the last byte read.
	Duration time.Duration
}

// Observer is called once per HTTP exchange, on the caller's goroutine. It must not block.
type Observer func(ctx context.Context, c Call)

// Options configure a Client. Only Tokens is needed for ordinary calls.
type Options struct {
	// BaseURL is an absolute http or https URL; empty means DefaultBaseURL.
	BaseURL string
	// HTTPClient is copied, and its copy refuses redirects and any host but BaseURL's; nil means one with DefaultTimeout.
	HTTPClient *http.Client
	// Tokens gives the tokens; nil allows only the calls that take their secrets as arguments.
	Tokens TokenSource
	// ComponentAppID is the appid of the third-party platform, needed by the component calls.
	ComponentAppID string
	// Observe, if set, sees every exchange.
	Observe Observer
	// MaxReply is the largest reply read in bytes; 0 means DefaultMaxReply. Listing endpoints read at least 8 MiB.
	MaxReply int64
	// Now measures durations; nil means time.Now.
	Now func() time.Time
}

// Client calls WeChat. It is safe for concurrent use and holds no token.
type Client struct {
	base      string
	http      *http.Client
	tokens    TokenSource
	component string
	observe   Observer
	maxReply  int64
	now       func() time.Time
}

// New returns a Client, or an error that names the wrong option.
func New(o Options) (*Client, error) {
	base, origin, err := checkBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.MaxReply < 0 {
		return nil, fmt.Errorf("wxclient options: MaxReply is %d, want bytes or 0", o.MaxReply)
	}
	c := &Client{
		base:      base,
		http:      onlyTo(origin, o.HTTPClient),
		tokens:    o.Tokens,
		component: o.ComponentAppID,
		observe:   o.Observe,
		maxReply:  o.MaxReply,
		now:       o.Now,
	}
	if c.tokens == nil {
		c.tokens = noTokens{}
	}
	if c.observe == nil {
		c.observe = func(context.Context, Call) {}
	}
	if c.maxReply == 0 {
		c.maxReply = DefaultMaxReply
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// WithTokens returns a copy of the client that takes its tokens from another source. A source
// that itself calls WeChat is made with a client first, and then gives its tokens to a copy.
func (c *Client) WithTokens(tokens TokenSource) *Client {
	copied := *c
	copied.tokens = tokens
	if tokens == nil {
		copied.tokens = noTokens{}
	}
	return &copied
}

// ComponentAppID returns the appid of the third-party platform the client was made for.
func (c *Client) ComponentAppID() string { return c.component }

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

// RoundTrip implements http.RoundTripper. Its refusal says that nothing was dialled.
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

// noTokens is the source of a client that was given none.
type noTokens struct{}

var errNoTokens = errors.New("the client was made without a TokenSource")

func (noTokens) ComponentToken(context.Context) (string, error)          { return "", errNoTokens }
func (noTokens) AuthorizerToken(context.Context, string) (string, error) { return "", errNoTokens }
func (noTokens) Refused(context.Context, string, string) error           { return errNoTokens }
