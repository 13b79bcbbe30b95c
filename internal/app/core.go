package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/pace"
)

// core is what workers and operators share.
type core struct {
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
	pools  *pool.Pools
	wx     *wxclient.Client
	source wxclient.TokenSource // nil without credentials
	tokens *registry.Tokens     // nil without credentials, or with a broker
	broker *registry.Broker     // nil without one
	pacer  *pace.Pacer          // nil for an operator
	// transport connects to WeChat and the token service.
	transport http.RoundTripper
	// readers chooses apps to read through.
	readers *fleet.Readers
}

// coreOptions are the differences between the two.
type coreOptions struct {
	redis    redis.UniversalClient // nil: from the settings
	embedded bool                  // an embedded Redis, which has no settings to check
	observe  wxclient.Observer
	pace     bool // pass calls through the shared rates
	renewed  func(registry.Renewal)
	// ticketsRestarted is nil for an operator, which receives no callbacks.
	ticketsRestarted func(registry.TicketRequest)
	log              zerolog.Logger
}

// newCore connects and checks the server. It adds the teardown of what it opened to s.
func newCore(ctx context.Context, c *config.Config, o coreOptions, s *stack) (*core, error) {
	k := &core{rdb: o.redis}
	if k.rdb == nil {
		rdb, err := c.OpenRedis()
		if err != nil {
			return nil, err
		}
		k.rdb = rdb
		s.push("redis", func(context.Context) error { return rdb.Close() })
	}
	if err := k.checkRedis(ctx, c, o); err != nil {
		return nil, err
	}
	redisdb.NameKeys(k.rdb)
	if err := ledger.CheckSchema(ctx, k.rdb); err != nil {
		return nil, err
	}
	k.ledger = ledger.New(k.rdb, ledger.Options{Lease: c.Timing.Lease})
	k.pools = pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(k.rdb, name, ratelimit.QuotaOptions{
			ProbeAfter: c.QuotaPoll, PermitTTL: c.PermitTTL(), Metered: name == string(rollout.StageSubmit),
		})
	}, pool.Options{ReadEvery: c.QuotaPoll})
	if err := k.openWeChat(c, o, s); err != nil {
		return nil, err
	}
	var list fleet.Lister // nil offline
	if k.source != nil {
		list = k.wx
	}
	k.readers = fleet.NewReaders(k.ledger, k.rdb, list)
	return k, nil
}

// checkRedis checks that the server answers and can hold the ledger. A worker also probes its commands;
// an operator's reads must work while Redis refuses writes.
func (k *core) checkRedis(ctx context.Context, c *config.Config, o coreOptions) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := redisserver.Reach(ctx, k.rdb, c.RedisURL); err != nil || o.embedded {
		return err
	}
	if err := redisserver.Check(ctx, k.rdb, c.RedisAccept); err != nil || !o.pace {
		return err
	}
	return redisserver.Probe(ctx, k.rdb, c.RedisURL)
}

func (k *core) openWeChat(c *config.Config, o coreOptions, s *stack) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// A proxy of the environment is used: platforms must call from listed addresses, often through a
	// proxy. It sees host names only, since calls that leave the machine are TLS inside its CONNECT.
	transport.Proxy = http.ProxyFromEnvironment
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = max(8, c.Commit+c.Audit+c.Release)
	s.push("wechat connections", func(context.Context) error {
		transport.CloseIdleConnections()
		return nil
	})
	k.transport = transport
	var rt http.RoundTripper = transport
	observe := o.observe
	if o.pace {
		throttle := ratelimit.NewThrottle(k.rdb, "wechat", ratelimit.Rate{Permits: c.Rate, Per: time.Second})
		k.pacer = pace.New(throttle, pace.Options{BaseURL: c.WeChatURL, Endpoints: endpoints, Next: transport, Slowed: logSlowed(o.log)})
		rt, observe = k.pacer, func(ctx context.Context, call wxclient.Call) {
			k.pacer.Observe(call)
			o.observe(ctx, call)
		}
	}
	client, err := wxclient.New(wxclient.Options{
		BaseURL: c.WeChatURL, ComponentAppID: c.ComponentAppID, Observe: observe,
		HTTPClient: &http.Client{Transport: rt, Timeout: c.CallTimeout},
	})
	if err != nil {
		return fmt.Errorf("WXROLLOUT_WECHAT_URL: %w", err)
	}
	k.wx = client
	if err := k.openTokens(c, o, client, transport); err != nil || k.source == nil {
		return err
	}
	k.wx = client.WithTokens(k.source)
	return nil
}

// openTokens makes the source of tokens: a token service, or our own registry.
func (k *core) openTokens(c *config.Config, o coreOptions, client *wxclient.Client, transport http.RoundTripper) error {
	if c.TokenURL != "" {
		broker, err := registry.NewBroker(registry.BrokerOptions{
			URL: c.TokenURL, Bearer: c.TokenBearer.Reveal(), ComponentAppID: c.ComponentAppID,
			HTTPClient: &http.Client{Transport: transport}, Renewed: o.renewed,
		})
		if err != nil {
			return &config.Error{Faults: []string{"WXROLLOUT_TOKEN_URL, WXROLLOUT_TOKEN_BEARER: " + err.Error()}}
		}
		k.source, k.broker = broker, broker
		return nil
	}
	if c.ComponentAppID == "" || c.ComponentSecret.Empty() || c.SealKey.Empty() {
		return nil
	}
	sealer, err := registry.NewSealer(c.SealKey.Reveal(), c.SealKeyPrevious.Reveal())
	if err != nil {
		return &config.Error{Faults: []string{"WXROLLOUT_SEAL_KEY: " + err.Error()}}
	}
	tokens, err := registry.New(registry.Options{
		ComponentAppID: c.ComponentAppID, Secret: c.ComponentSecret.Reveal(), Ticket: c.ComponentTicket.Reveal(),
		Sealer: sealer, Client: client, Redis: k.rdb, Renewed: o.renewed,
		Receives: o.ticketsRestarted != nil && !c.CallbackToken.Empty(), TicketsRequested: o.ticketsRestarted,
	})
	if err != nil {
		return err
	}
	k.source, k.tokens = tokens, tokens
	return nil
}
