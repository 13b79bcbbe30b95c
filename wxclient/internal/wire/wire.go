// Package wire makes HTTP exchanges with WeChat: it builds a request, sends it with a token, and decodes
// the reply leniently into a result or a typed error of package errcode.
//
// It never sleeps, logs, follows a redirect or stores a token. It repeats a call once, after WeChat
// refused the token and the source returned a new one. Secrets are removed from every error.
package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

const (
	// DefaultBaseURL is WeChat's API host.
	DefaultBaseURL = "https://api.weixin.qq.com"
	// DefaultTimeout bounds one HTTP exchange of the default HTTP client.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxReply is the largest reply read, in bytes.
	DefaultMaxReply = 1 << 20
	// listMaxReply is the largest reply of the endpoints that list apps, templates or drafts, in bytes.
	listMaxReply = 8 << 20
)

// Tokens is wxclient.TokenSource.
type Tokens interface {
	ComponentToken(ctx context.Context) (string, error)
	AuthorizerToken(ctx context.Context, appid string) (string, error)
	Refused(ctx context.Context, appid, token string) error
}

// Exchange is wxclient.Call.
type Exchange struct {
	Endpoint string
	AppID    string
	Code     int64
	Class    errcode.Class
	Err      error
	Duration time.Duration
}

// Options are checked wxclient.Options, with defaults for what is not set.
type Options struct {
	BaseURL    string
	HTTPClient *http.Client
	Tokens     Tokens
	Component  string
	Observe    func(context.Context, Exchange)
	MaxReply   int64
	Now        func() time.Time
}

// Client makes exchanges. It is safe for concurrent use and holds no token.
type Client struct {
	base      string
	http      *http.Client
	tokens    Tokens
	component string
	observe   func(context.Context, Exchange)
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
		component: o.Component,
		observe:   o.Observe,
		maxReply:  cmp.Or(o.MaxReply, DefaultMaxReply),
		now:       o.Now,
	}
	if c.tokens == nil {
		c.tokens = noTokens{}
	}
	if c.observe == nil {
		c.observe = func(context.Context, Exchange) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// WithTokens returns a copy of the client with another token source.
func (c *Client) WithTokens(tokens Tokens) *Client {
	copied := *c
	copied.tokens = tokens
	if tokens == nil {
		copied.tokens = noTokens{}
	}
	return &copied
}

// Component returns the appid of the third-party platform.
func (c *Client) Component() string { return c.component }

// noTokens is the source of a client without one.
type noTokens struct{}

var errNoTokens = errors.New("the client was made without a TokenSource")

func (noTokens) ComponentToken(context.Context) (string, error)          { return "", errNoTokens }
func (noTokens) AuthorizerToken(context.Context, string) (string, error) { return "", errNoTokens }
func (noTokens) Refused(context.Context, string, string) error           { return errNoTokens }
