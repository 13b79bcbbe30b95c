package registry_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
)

// must returns the token or ends the test.
func must(t *testing.T) func(string, error) string {
	t.Helper()
	return func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// noCache makes every call ask Redis.
func noCache(o *registry.Options) { o.CacheTTL = time.Nanosecond }

func TestLifeOfTokens(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, noCache)
		token := must(t)
		steps := []struct {
			name           string
			after          time.Duration
			component, app string
		}{
			{"first", 0, "cat-1", "wxa/aat-1"},
			{"stored", 0, "cat-1", "wxa/aat-1"},
			{"before both margins", 2*time.Hour - registry.ComponentMargin - time.Second, "cat-1", "wxa/aat-1"},
			{"in the component's margin", time.Second, "cat-2", "wxa/aat-1"},
			{"in the app's margin", registry.ComponentMargin - registry.AppMargin, "cat-2", "wxa/aat-2"},
			{"long after", 24 * time.Hour, "cat-3", "wxa/aat-3"},
		}
		for _, s := range steps {
			advance(s.after)
			if got := token(tokens.ComponentToken(ctx)); got != s.component {
				t.Errorf("%s: component token %s, want %s", s.name, got, s.component)
			}
			if got := token(tokens.AuthorizerToken(ctx, "wxa")); got != s.app {
				t.Errorf("%s: app token %s, want %s", s.name, got, s.app)
			}
		}
		// The refresh token is read back once, because nothing had been stored.
		if n := w.count("api_get_authorizer_info"); n != 1 {
			t.Errorf("%d read-backs, want 1", n)
		}
	})
}

// servers start a Redis without virtual time.
var servers = map[string]func(t *testing.T) redis.UniversalClient{
	"miniredis": func(t *testing.T) redis.UniversalClient { _, rdb := redistest.Mini(t); return rdb },
	"redis":     func(t *testing.T) redis.UniversalClient { return redistest.Start(t).Client(t) },
}

// TestOneWinner is eight processes that need tokens at the same moment.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const processes = 8
			apps := []string{"wxa", "wxb", "wxc"}
			w, rdb := newWechat(t), start(t)
			for _, appid := range apps {
				w.refresh[appid] = "refresh-" + appid
			}
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for range processes {
				tokens, _ := open(t, w, rdb, nil)
				for _, appid := range apps {
					wg.Go(func() {
						<-begin
						got, err := tokens.AuthorizerToken(t.Context(), appid)
						if err != nil || got != appid+"/aat-1" {
							t.Errorf("%s: %q, %v", appid, got, err)
						}
					})
				}
			}
			close(begin)
			wg.Wait()
			if n := w.count("api_component_token"); n != 1 {
				t.Errorf("%d component renewals, want 1", n)
			}
			for _, appid := range apps {
				if n := w.count("api_authorizer_token " + appid); n != 1 {
					t.Errorf("%d renewals of %s, want 1", n, appid)
				}
			}
		})
	}
}

// TestWaitersServeTheOldToken: while one process renews within the margin, the others go on
// with the token that still lives, and a caller that gives up does not stop the renewal.
func TestWaitersServeTheOldToken(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		w := newWechat(t)
		winner, _ := open(t, w, rdb, noCache)
		other, _ := open(t, w, rdb, noCache)
		token := must(t)
		token(winner.ComponentToken(t.Context()))
		advance(2*time.Hour - registry.ComponentMargin)
		w.set(func() { w.holdOn = "api_component_token" })
		ctx, giveUp := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := winner.ComponentToken(ctx); gone <- err }()
		<-w.arrivals // the winner's call is with WeChat
		if got := token(other.ComponentToken(t.Context())); got != "cat-1" {
			t.Errorf("the other got %s, want cat-1", got)
		}
		giveUp()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the winner's caller got %v", err)
		}
		close(w.hold)
		if got := token(winner.ComponentToken(t.Context())); got != "cat-2" {
			t.Errorf("afterwards %s, want cat-2", got)
		}
		if n := w.count("api_component_token"); n != 2 {
			t.Errorf("%d renewals, want 2", n)
		}
	})
}

// TestCache: within its life a token costs no Redis round trip.
func TestCache(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	m, rdb := redistest.Mini(t)
	now := time.Unix(0, 0)
	tokens, _ := open(t, w, rdb, func(o *registry.Options) { o.Now = func() time.Time { return now } })
	must(t)(tokens.ComponentToken(ctx))
	m.SetError("LOADING")
	now = now.Add(registry.DefaultCacheTTL - time.Millisecond)
	must(t)(tokens.ComponentToken(ctx))
	now = now.Add(time.Millisecond)
	if _, err := tokens.ComponentToken(ctx); err == nil {
		t.Error("a token was served past the cache's life without asking Redis")
	}
}

// TestLearn: what the list shows fills a gap, is sealed, and replaces nothing.
func TestLearn(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"], w.refresh["wxb"] = "refresh-a", "refresh-b"
		tokens, _ := open(t, w, rdb, noCache)
		if got := must(t)(tokens.AuthorizerToken(ctx, "wxb")); got != "wxb/aat-1" {
			t.Errorf("token of wxb %s", got)
		}
		page := []wxclient.Authorizer{
			{AppID: "wxa", RefreshToken: "refresh-a"}, {AppID: "wxb", RefreshToken: "an older one"}, {AppID: "wxc"},
		}
		for range 2 {
			if err := tokens.Learn(ctx, page); err != nil {
				t.Fatal(err)
			}
		}
		if got := must(t)(tokens.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-1" {
			t.Errorf("token of wxa %s", got)
		}
		if n := w.count("api_get_authorizer_info wxa"); n != 0 {
			t.Errorf("%d read-backs of a token the list showed, want none", n)
		}
		for _, key := range rdb.Keys(ctx, "*").Val() {
			if rdb.Type(ctx, key).Val() != "hash" {
				continue
			}
			for field, v := range rdb.HGetAll(ctx, key).Val() {
				if strings.Contains(v, "refresh-") || strings.Contains(v, "older") {
					t.Errorf("%s %s holds a refresh token in the clear", key, field)
				}
			}
			if strings.HasSuffix(key, "wxc") {
				t.Errorf("%s: an app without a token got a row", key)
			}
		}
		if got := must(t)(tokens.AuthorizerToken(ctx, "wxb")); got != "wxb/aat-1" {
			t.Errorf("token of wxb afterwards %s", got)
		}
	})
}
