package wxclient

import (
	"context"
	"net/http"
	"time"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

const (
	// DefaultBaseURL is WeChat's API host.
	DefaultBaseURL = wire.DefaultBaseURL
	// DefaultTimeout bounds one HTTP exchange of the default HTTP client.
	DefaultTimeout = wire.DefaultTimeout
	// DefaultMaxReply is the largest reply read, in bytes.
	DefaultMaxReply = wire.DefaultMaxReply
)

// TokenSource returns the tokens that the client puts into its calls. The client calls it once per HTTP
// exchange, from many goroutines, so it should cache.
type TokenSource interface {
	// ComponentToken returns the token of the component.
	ComponentToken(ctx context.Context) (string, error)
	// AuthorizerToken returns the token for acting on behalf of one app.
	AuthorizerToken(ctx context.Context, appid string) (string, error)
	// Refused reports that WeChat refused this token; appid "" means the component's token. A token that
	// was replaced meanwhile stays valid.
	Refused(ctx context.Context, appid, token string) error
}

// Call describes one finished HTTP exchange.
type Call struct {
	// Endpoint is the path, one of a small closed set.
	Endpoint string
	// AppID is the app the call acted for, "" for the component. Not for metric labels.
	AppID string
	// Code is WeChat's errcode, 0 also when no readable reply came.
	Code int64
	// Class is the class of Code; empty when no readable reply came (see Err).
	Class Class
	// Err is the error of the exchange, nil on success.
	Err error
	// Duration is the time from sending to the last byte read.
	Duration time.Duration
}

// Observer is called once per HTTP exchange, on the caller's goroutine. It must not block.
type Observer func(ctx context.Context, c Call)

// Options configure a Client. Ordinary calls need only Tokens.
type Options struct {
	// BaseURL is an absolute http or https URL; empty means DefaultBaseURL.
	BaseURL string
	// HTTPClient is copied; the copy refuses redirects and any host but BaseURL's. nil means a client with DefaultTimeout.
	HTTPClient *http.Client
	// Tokens returns the tokens; nil allows only the calls that take their secrets as arguments.
	Tokens TokenSource
	// ComponentAppID is the appid of the third-party platform, needed by the component calls.
	ComponentAppID string
	// Observe, if set, is called after every exchange.
	Observe Observer
	// MaxReply is the largest reply read in bytes; 0 means DefaultMaxReply. Listing endpoints read at least 8 MiB.
	MaxReply int64
	// Now measures durations; nil means time.Now.
	Now func() time.Time
}

// Client calls WeChat. It is safe for concurrent use and holds no token.
type Client struct {
	wire *wire.Client
	configapi.Calls
}

// New returns a Client, or an error that names the wrong option.
func New(o Options) (*Client, error) {
	var observe func(context.Context, wire.Exchange)
	if o.Observe != nil {
		observe = func(ctx context.Context, x wire.Exchange) { o.Observe(ctx, Call(x)) }
	}
	w, err := wire.New(wire.Options{
		BaseURL: o.BaseURL, HTTPClient: o.HTTPClient, Tokens: o.Tokens, Component: o.ComponentAppID,
		Observe: observe, MaxReply: o.MaxReply, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Client{wire: w, Calls: configapi.New(w)}, nil
}

// WithTokens returns a copy of the client that takes its tokens from another source. A source that calls
// WeChat is made with a client first, and then serves a copy of it.
func (c *Client) WithTokens(tokens TokenSource) *Client {
	w := c.wire.WithTokens(tokens)
	return &Client{wire: w, Calls: configapi.New(w)}
}

// ComponentAppID returns the appid of the third-party platform.
func (c *Client) ComponentAppID() string { return c.wire.Component() }
