package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/wxrollout/wxrollout/internal/neterr"
	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	// BrokerMargin is how long a broker's token must live to be kept at all.
	BrokerMargin = time.Minute
	// brokerTimeout bounds one request to the broker.
	brokerTimeout = 10 * time.Second
	// brokerMaxReply is the longest answer read, in bytes.
	brokerMaxReply = 64 << 10
	// refusedChars is how much of a refused token's hash is sent to the broker.
	refusedChars = 16
)

// BrokerOptions configure a Broker. URL, Bearer and ComponentAppID are needed.
type BrokerOptions struct {
	// URL is the endpoint: https, or http on this machine.
	URL string
	// Bearer authorizes us.
	Bearer string
	// ComponentAppID is the appid of the third-party platform.
	ComponentAppID string
	// HTTPClient is copied, and its copy refuses redirects; nil means http.DefaultTransport.
	HTTPClient *http.Client
	// CacheTTL is how long a token is used without asking again; 0 means DefaultCacheTTL.
	CacheTTL time.Duration
	// Renewed, if set, is called with the result of every request.
	Renewed func(Renewal)
	// Now is the clock of the cache; nil means time.Now.
	Now func() time.Time
}

// String renders the options without the bearer, and the URL without its query.
func (o BrokerOptions) String() string { return "token broker of " + o.ComponentAppID }

// GoString is String, so that %#v shows no secret either.
func (o BrokerOptions) GoString() string { return o.String() }

// Broker takes tokens from another system of the platform, which alone renews them: see
// docs/token-broker.md for what it has to answer. It keeps tokens in memory for seconds and stores
// none. It is safe for concurrent use.
type Broker struct {
	endpoint  *url.URL
	bearer    string
	component string
	http      *http.Client
	cache     *cache
	cacheTTL  time.Duration
	renewed   func(Renewal)
	flights   singleflight.Group
}

var _ wxclient.TokenSource = (*Broker)(nil)

// NewBroker returns a Broker, or an error that names every wrong option.
func NewBroker(o BrokerOptions) (*Broker, error) {
	var faults []error
	endpoint, err := brokerURL(o.URL)
	if err != nil {
		faults = append(faults, err)
	}
	if o.Bearer == "" || strings.ContainsAny(o.Bearer, " \t\r\n") {
		faults = append(faults, errors.New("broker options: Bearer must be set, in one word"))
	}
	if o.ComponentAppID == "" {
		faults = append(faults, errors.New("broker options: ComponentAppID must be set"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	b := &Broker{
		endpoint: endpoint, bearer: o.Bearer, component: o.ComponentAppID, cacheTTL: o.CacheTTL, renewed: o.Renewed,
		http: &http.Client{},
	}
	if o.HTTPClient != nil {
		*b.http = *o.HTTPClient
	}
	b.http.Timeout = brokerTimeout
	// A redirect would carry the bearer, and bring tokens, over an unintended path.
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if b.cacheTTL == 0 {
		b.cacheTTL = DefaultCacheTTL
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	b.cache = newCache(now)
	return b, nil
}

// CheckBrokerURL says what is wrong with the URL of a broker.
func CheckBrokerURL(raw string) error {
	_, err := brokerURL(raw)
	return err
}

// brokerURL reads the endpoint. An error shows none of it: it may hold a secret.
func brokerURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("broker options: URL must be https://host/path")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("broker options: URL must not hold a user or a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("broker options: URL must be https: without TLS every token is readable on the way")
	}
	for _, name := range []string{"component_appid", "authorizer_appid", "refused"} {
		if u.Query().Has(name) {
			return nil, fmt.Errorf("broker options: URL must not hold the parameter %s, which each request sets", name)
		}
	}
	return u, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ComponentToken implements wxclient.TokenSource. Errors: *CredentialError, or that the broker is out of
// reach.
func (b *Broker) ComponentToken(ctx context.Context) (string, error) { return b.get(ctx, "") }

// AuthorizerToken implements wxclient.TokenSource. Errors are those of ComponentToken; a
// *CredentialError with an AppID concerns only that app.
func (b *Broker) AuthorizerToken(ctx context.Context, appid string) (string, error) {
	if appid == "" {
		return "", errors.New("get an app's token: appid is empty")
	}
	return b.get(ctx, appid)
}

// Refused implements wxclient.TokenSource: the next request reports it to the broker, which renews if that is
// still its token.
func (b *Broker) Refused(_ context.Context, appid, token string) error {
	b.cache.refuse(appid, token)
	b.flights.Forget(appid) // a request under way may still bring the refused token
	return nil
}

// Forget drops an app's token from memory.
func (b *Broker) Forget(appid string) { b.cache.clear(appid) }

// get serves from memory, or asks once for everyone who waits. A caller that gives up does not
// end the request for the others.
func (b *Broker) get(ctx context.Context, appid string) (string, error) {
	if e, ok := b.cache.get(appid); ok {
		return e.token, e.err
	}
	flight := b.flights.DoChan(appid, func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), brokerTimeout)
		defer cancel()
		token, err := b.fetch(detached, appid)
		if b.renewed != nil {
			b.renewed(renewalOf(appid, err))
		}
		return token, err
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case done := <-flight:
		token, _ := done.Val.(string)
		return token, done.Err
	}
}

// errSameToken means that the broker stays with a token that WeChat refused: it may not have
// renewed it yet.
var errSameToken = errors.New("the token broker still gives the token that WeChat refused")

// fetch asks for a token. If it is one that was refused while the question was under way, it asks
// once more and says so.
func (b *Broker) fetch(ctx context.Context, appid string) (string, error) {
	for {
		memory, _ := b.cache.live(appid)
		token, life, err := b.ask(ctx, appid, memory.refused)
		if errors.As(err, new(*CredentialError)) {
			b.cache.put(appid, "", err, failureMemory)
		}
		if err != nil {
			return "", err
		}
		if !b.cache.refused(appid, token) {
			if keep := min(b.cacheTTL, life-BrokerMargin); keep > 0 {
				b.cache.put(appid, token, nil, keep)
			}
			return token, nil
		}
		if memory.refused == token {
			return "", errSameToken
		}
	}
}

// request builds the question for one token.
func (b *Broker) request(ctx context.Context, appid, refused string) (*http.Request, error) {
	u := *b.endpoint
	query := u.Query()
	query.Set("component_appid", b.component)
	if appid != "" {
		query.Set("authorizer_appid", appid)
	}
	if refused != "" {
		query.Set("refused", TokenHint(refused))
	}
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("ask the token broker: the request cannot be built")
	}
	r.Header.Set("Authorization", "Bearer "+b.bearer)
	r.Header.Set("Accept", "application/json")
	return r, nil
}

// TokenHint is how a refused token is named to a broker: the beginning of the hex SHA-256 of it.
func TokenHint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])[:refusedChars]
}

// ask makes one request and reads its answer.
func (b *Broker) ask(ctx context.Context, appid, refused string) (token string, life time.Duration, err error) {
	r, err := b.request(ctx, appid, refused)
	if err != nil {
		return "", 0, err
	}
	resp, err := b.http.Do(r)
	if err != nil {
		return "", 0, &ServiceError{Err: neterr.Explain(err, withoutURL(err), b.endpoint.Host)}
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost by a failed close of a read body
	body, err := io.ReadAll(io.LimitReader(resp.Body, brokerMaxReply+1))
	if err != nil {
		return "", 0, &ServiceError{Err: fmt.Errorf("read its answer: %w", withoutURL(err))}
	}
	if err := brokerFault(appid, resp.StatusCode); err != nil {
		return "", 0, err
	}
	if len(body) > brokerMaxReply {
		return "", 0, badAnswer(fmt.Sprintf("is longer than %d bytes", brokerMaxReply))
	}
	return readBrokerToken(body)
}

// withoutURL drops the URL that net/http puts into its errors.
func withoutURL(err error) error {
	var in *url.Error
	if errors.As(err, &in) {
		return in.Err
	}
	return err
}

// readBrokerToken reads the answer of a good status. What it says is never in an error.
func readBrokerToken(body []byte) (token string, life time.Duration, err error) {
	var answer struct {
		Token     string  `json:"access_token"`
		ExpiresIn float64 `json:"expires_in"`
	}
	const longest = 24 * time.Hour // WeChat gives two hours: more is another unit
	switch {
	case json.Unmarshal(body, &answer) != nil:
		return "", 0, badAnswer("is not JSON of the contract")
	case answer.Token == "":
		return "", 0, badAnswer("has no access_token")
	case !(answer.ExpiresIn >= 1) || answer.ExpiresIn > longest.Seconds():
		return "", 0, badAnswer("has no expires_in between 1 and 86400 seconds")
	}
	return answer.Token, time.Duration(answer.ExpiresIn * float64(time.Second)), nil
}

const contractHint = "compare it with docs/token-broker.md"

func badAnswer(what string) error {
	return &CredentialError{What: "token broker's answer " + what, Hint: contractHint}
}

// brokerFault says what a status means; nil for 200.
func brokerFault(appid string, status int) error {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &CredentialError{What: "token broker refuses us with " + text, Hint: "compare WXROLLOUT_TOKEN_BEARER with what the broker expects"}
	case status == http.StatusNotFound && appid != "":
		return &CredentialError{What: "token broker does not know it", AppID: appid, Hint: "the merchant must authorize the platform again, or the broker has to learn of it"}
	case status == http.StatusNotFound:
		return &CredentialError{What: "token broker does not know the component", Hint: "compare WXROLLOUT_TOKEN_URL and WXROLLOUT_COMPONENT_APPID with the broker"}
	case status >= 300 && status < 400:
		return &CredentialError{What: "token broker redirects with " + text, Hint: "no redirect is followed: set WXROLLOUT_TOKEN_URL to where it leads"}
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		return &ServiceError{Err: errors.New("it answers " + text)}
	default:
		return &CredentialError{What: "token broker answers " + text, Hint: contractHint}
	}
}
