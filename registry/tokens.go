package registry

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	// ComponentMargin is how long before its end the component's token is renewed.
	ComponentMargin = 10 * time.Minute
	// AppMargin is how long before its end an app's token is renewed.
	AppMargin = 5 * time.Minute
	// DefaultCacheTTL is how long a process uses a token without asking Redis. It must stay well
	// below the 5 minutes for which a replaced component token still works.
	DefaultCacheTTL = 30 * time.Second
)

// Options configure Tokens. Secret, Sealer, Client and Redis are needed.
type Options struct {
	// ComponentAppID is the appid of the third-party platform; empty takes the client's.
	ComponentAppID string
	// Secret is the component's secret.
	Secret string
	// Ticket, if set, serves until the first one arrives: a start by hand.
	Ticket string
	// Sealer seals what is stored. Every process needs the same keys.
	Sealer *Sealer
	// Client calls WeChat; its own token source is not used.
	Client *wxclient.Client
	// Redis holds the rows and the renewal leases.
	Redis redis.UniversalClient
	// Receives reports that WeChat's callbacks reach this installation: when tickets stop arriving, WeChat
	// is asked to send them again.
	Receives bool
	// TicketsRequested, if set, receives each such request of this process.
	TicketsRequested func(TicketRequest)
	// Renewed, if set, receives each renewal of this process.
	Renewed func(Renewal)
	// CacheTTL is how long a process uses a token without asking Redis; 0 means DefaultCacheTTL.
	CacheTTL time.Duration
	// Now is the clock of the in-process cache; nil means time.Now. Lives of tokens go by Redis.
	Now func() time.Time
}

// String renders the options without their secrets.
func (o Options) String() string { return "registry of " + o.ComponentAppID }

// GoString is String, so that %#v shows no secret either.
func (o Options) GoString() string { return o.String() }

// Tokens hands out the platform's tokens and renews them. It implements wxclient.TokenSource
// and is safe for concurrent use, in one process and in many.
type Tokens struct {
	component string
	secret    string
	ticket    string
	receives  bool
	requested func(TicketRequest)
	renewed   func(Renewal)
	client    *wxclient.Client
	rdb       redis.UniversalClient
	store     *store
	cache     *cache
	cacheTTL  time.Duration
	flights   singleflight.Group
	process   string
	holders   atomic.Int64
}

var _ wxclient.TokenSource = (*Tokens)(nil)

// New returns Tokens, or an error that names every missing option.
func New(o Options) (*Tokens, error) {
	if o.ComponentAppID == "" && o.Client != nil {
		o.ComponentAppID = o.Client.ComponentAppID()
	}
	var faults []error
	for _, need := range []struct {
		name    string
		missing bool
	}{
		{"ComponentAppID", o.ComponentAppID == ""}, {"Secret", o.Secret == ""}, {"Sealer", o.Sealer == nil},
		{"Client", o.Client == nil}, {"Redis", o.Redis == nil},
	} {
		if need.missing {
			faults = append(faults, fmt.Errorf("registry options: %s must be set", need.name))
		}
	}
	if o.Client != nil && o.Client.ComponentAppID() != o.ComponentAppID {
		faults = append(faults, errors.New("registry options: Client was made for another component"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheTTL == 0 {
		o.CacheTTL = DefaultCacheTTL
	}
	t := &Tokens{
		component: o.ComponentAppID, secret: o.Secret, ticket: o.Ticket, receives: o.Receives, requested: o.TicketsRequested, renewed: o.Renewed, rdb: o.Redis,
		store: &store{rdb: o.Redis, sealer: o.Sealer}, cache: newCache(o.Now), cacheTTL: o.CacheTTL, process: rand.Text(),
	}
	t.client = o.Client.WithTokens(t)
	return t, nil
}

// slot is one token: where it is stored and how early it is renewed.
type slot struct {
	appid  string // "" = the component
	key    string
	margin time.Duration
	// usable is how long a token must live to serve while another process renews it, or when
	// renewing it did not work.
	usable time.Duration
	index  string // key of the apps' index
}

// keys are those of the scripts that write a token.
func (s slot) keys() []string { return []string{s.key, s.index} }

func (t *Tokens) slot(appid string) slot {
	if appid == "" {
		return slot{key: componentKey(t.component), margin: ComponentMargin, usable: time.Minute, index: indexKey(t.component)}
	}
	return slot{appid: appid, key: appKey(t.component, appid), margin: AppMargin, usable: time.Minute, index: indexKey(t.component)}
}

// ComponentToken returns the component's token, renewed if it ends within ComponentMargin. Errors:
// *CredentialError, errors of wxclient, errors of Redis.
func (t *Tokens) ComponentToken(ctx context.Context) (string, error) {
	return t.get(ctx, t.slot(""))
}

// AuthorizerToken returns an app's token, renewed if it ends within AppMargin. Errors are those of
// ComponentToken; a *CredentialError with an AppID concerns only that app.
func (t *Tokens) AuthorizerToken(ctx context.Context, appid string) (string, error) {
	if appid == "" {
		return "", errors.New("get an app's token: appid is empty")
	}
	return t.get(ctx, t.slot(appid))
}

func (t *Tokens) get(ctx context.Context, s slot) (string, error) {
	if e, ok := t.cache.get(s.key); ok {
		return e.token, e.err
	}
	// The flight outlives a caller that gives up: a renewal that WeChat has answered must be stored.
	flight := t.flights.DoChan(s.key, func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitAtMost)
		defer cancel()
		return t.obtain(detached, s)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case done := <-flight:
		token, _ := done.Val.(string)
		return token, done.Err
	}
}

// Refused drops a token WeChat refused, here and in Redis, unless it was replaced meanwhile.
func (t *Tokens) Refused(ctx context.Context, appid, token string) error {
	_, err := t.refuse(ctx, t.slot(appid), token)
	return err
}

// refuse is Refused; stored reports whether the token was the stored one.
func (t *Tokens) refuse(ctx context.Context, s slot, token string) (stored bool, err error) {
	t.cache.refuse(s.key, token)
	t.flights.Forget(s.key) // a flight under way may still bring the refused token
	r, err := t.store.read(ctx, s.key)
	if err != nil || subtle.ConstantTimeCompare([]byte(r.token), []byte(token)) != 1 {
		return false, err
	}
	return true, t.store.drop(ctx, s, r.sealed)
}

// SetTicket stores a verify ticket received. createTime is the callback's, in unix seconds; the newest
// wins, so repeated and late callbacks do no harm.
func (t *Tokens) SetTicket(ctx context.Context, ticket string, createTime int64) error {
	if ticket == "" {
		return errors.New("store the verify ticket: it is empty")
	}
	if _, err := t.store.putTicket(ctx, ticketKey(t.component), ticket, createTime); err != nil {
		return err
	}
	if e, ok := t.cache.get(componentKey(t.component)); ok && e.err != nil {
		t.cache.clear(componentKey(t.component)) // a remembered failure may be over now
	}
	return nil
}

// Learn keeps the refresh tokens of a page of WeChat's list, sealed, for apps that have none
// stored. It makes no call.
func (t *Tokens) Learn(ctx context.Context, page []wxclient.Authorizer) error {
	refresh := make(map[slot]string, len(page))
	for _, a := range page {
		if a.RefreshToken != "" {
			refresh[t.slot(a.AppID)] = a.RefreshToken
		}
	}
	return t.store.learn(ctx, indexKey(t.component), refresh)
}

// Ages are the ages of the platform's credentials. A negative duration means that there is none.
type Ages struct {
	// Ticket is the age of the verify ticket; above TicketStale its callbacks have stopped.
	Ticket time.Duration
	// ComponentToken is the age of the component's token.
	ComponentToken time.Duration
	// ComponentLeft is the remaining life of the component's token.
	ComponentLeft time.Duration
	// AppTokens counts the apps whose token is valid.
	AppTokens int64
}

// Ages reads the ages, for metrics and health.
func (t *Tokens) Ages(ctx context.Context) (Ages, error) {
	_, ticket, err := t.store.sealedTicket(ctx, ticketKey(t.component))
	if err != nil {
		return Ages{}, err
	}
	r, _, err := t.store.sealedRow(ctx, componentKey(t.component))
	if err != nil {
		return Ages{}, err
	}
	apps, err := t.store.living(ctx, indexKey(t.component))
	return Ages{Ticket: ticket, ComponentToken: r.age, ComponentLeft: r.left, AppTokens: apps}, err
}

// holder names this process and this use of a lease: goroutines exclude each other too.
func (t *Tokens) holder() string {
	return t.process + "-" + strconv.FormatInt(t.holders.Add(1), 10)
}
