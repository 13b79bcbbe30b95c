package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// TestOneWinner is eight processes that need tokens at the same moment.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	servers := map[string]func(t *testing.T) redis.UniversalClient{
		"miniredis": func(t *testing.T) redis.UniversalClient { _, rdb := redistest.Mini(t); return rdb },
		"redis":     func(t *testing.T) redis.UniversalClient { return redistest.Start(t).Client(t) },
	}
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

// TestAuthorizationBeatsRenewal: an authorization that arrives while a renewal is under way
// stays, and the renewal's caller gets its token.
func TestAuthorizationBeatsRenewal(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, noCache)
		w.set(func() { w.holdOn = "api_authorizer_token" })
		got := make(chan string)
		go func() {
			token, err := tokens.AuthorizerToken(ctx, "wxa")
			if err != nil {
				t.Error(err)
			}
			got <- token
		}()
		<-w.arrivals
		_, err := tokens.HandleEvent(ctx, registry.Event{Type: "authorized", AppID: "wxa", AuthCode: "code-wxa", CreateTime: 100})
		if err != nil {
			t.Error(err)
		}
		close(w.hold)
		if token := <-got; token != "wxa/aat-auth" {
			t.Errorf("got %s", token)
		}
		if n := w.count("api_authorizer_token"); n != 1 {
			t.Errorf("%d renewals, want 1", n)
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

func TestRefusedToken(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		here, client := open(t, w, rdb, nil)
		there, _ := open(t, w, rdb, nil)
		token := must(t)
		token(here.AuthorizerToken(ctx, "wxa"))
		token(there.AuthorizerToken(ctx, "wxa"))
		// A refused token that is no longer the stored one changes nothing.
		if err := here.Refused(ctx, "wxa", "older"); err != nil {
			t.Fatal(err)
		}
		if got := token(here.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-1" {
			t.Errorf("after an older refusal: %s", got)
		}
		// WeChat no longer takes the token: the client reports it and goes on with a new one.
		w.set(func() { w.current["wxa"] = "wxa/gone" })
		if err := client.Release(ctx, "wxa"); err != nil {
			t.Fatal(err)
		}
		if got := token(here.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-2" {
			t.Errorf("after the refusal: %s", got)
		}
		// The other process still caches the old one; its refusal must not drop the new one.
		if err := there.Refused(ctx, "wxa", "wxa/aat-1"); err != nil {
			t.Fatal(err)
		}
		if got := token(there.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-2" {
			t.Errorf("the other process: %s", got)
		}
		if n := w.count("api_authorizer_token"); n != 2 {
			t.Errorf("%d renewals, want 2", n)
		}
	})
}

// TestRefusalSurvivesAnOutage: a refusal that Redis could not take is made up for.
func TestRefusalSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	m, rdb := redistest.Mini(t)
	tokens, _ := open(t, w, rdb, nil)
	must(t)(tokens.ComponentToken(ctx))
	m.SetError("LOADING")
	if err := tokens.Refused(ctx, "", "cat-1"); err == nil {
		t.Error("want an error")
	}
	m.SetError("")
	if got := must(t)(tokens.ComponentToken(ctx)); got != "cat-2" {
		t.Errorf("got %s, want cat-2", got)
	}
}

// TestComponentFaultIsNotTheApps: an expired component token is renewed once under an app's
// renewal, and if it is refused again the app is not blamed.
func TestComponentFaultIsNotTheApps(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, nil)
		token := must(t)
		token(tokens.ComponentToken(ctx))
		w.fail["api_authorizer_token"] = []int{42001}
		if got := token(tokens.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-2" {
			t.Errorf("got %s", got)
		}
		if n := w.count("api_component_token"); n != 2 {
			t.Errorf("%d component renewals, want 2", n)
		}
		w.set(func() { w.fail["api_authorizer_token"] = []int{40001, 40001, 40001} })
		if err := tokens.Refused(ctx, "wxa", "wxa/aat-2"); err != nil {
			t.Fatal(err)
		}
		_, err := tokens.AuthorizerToken(ctx, "wxa")
		var credential *registry.CredentialError
		if !errors.As(err, &credential) || credential.AppID != "" {
			t.Errorf("got %v", err)
		}
		if n := w.count("api_authorizer_token"); n != 4 {
			t.Errorf("%d attempts in all, want 4", n)
		}
	})
}

func TestRefreshTokenLost(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, noCache)
		token := must(t)
		token(tokens.AuthorizerToken(ctx, "wxa"))
		// The merchant authorized again while we were away: the stored refresh token is refused.
		w.set(func() { w.refresh["wxa"] = "refresh-2" })
		advance(3 * time.Hour)
		token(tokens.AuthorizerToken(ctx, "wxa"))
		if n := w.count("api_get_authorizer_info"); n != 2 {
			t.Errorf("%d read-backs, want 2", n)
		}
		// The new one was stored.
		advance(3 * time.Hour)
		token(tokens.AuthorizerToken(ctx, "wxa"))
		if n := w.count("api_get_authorizer_info"); n != 2 {
			t.Errorf("%d read-backs afterwards, want 2", n)
		}
	})
}

func TestMustReauthorize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, refresh string
		fail          map[string][]int
		asked         int // refreshes
	}{
		{"no refresh token anywhere", "", nil, 0},
		{"refused, and read back the same", "refresh-1", map[string][]int{"api_authorizer_token": {0, 61023}}, 2},
		{"refused twice", "refresh-1", map[string][]int{"api_authorizer_token": {61023}}, 1},
		{"gone", "refresh-1", map[string][]int{"api_authorizer_token": {61003}}, 1},
		{"gone for the read-back", "refresh-1", map[string][]int{"api_get_authorizer_info": {61003}}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, w := t.Context(), newWechat(t)
			m, rdb := redistest.Mini(t)
			w.refresh["wxa"], w.fail = tc.refresh, tc.fail
			if tc.fail == nil {
				w.fail = map[string][]int{}
			}
			tokens, _ := open(t, w, rdb, noCache)
			if tc.asked == 2 { // a first life, so that a refresh token is stored
				must(t)(tokens.AuthorizerToken(ctx, "wxa"))
				redistest.Advance(m, 3*time.Hour)
			}
			_, err := tokens.AuthorizerToken(ctx, "wxa")
			var credential *registry.CredentialError
			if !errors.As(err, &credential) || credential.AppID != "wxa" || !strings.Contains(err.Error(), "authorize the platform again") {
				t.Errorf("got %v", err)
			}
			if n := w.count("api_authorizer_token"); n != tc.asked {
				t.Errorf("%d refreshes, want %d", n, tc.asked)
			}
		})
	}
}

func TestPlatformFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code int
		hint string
	}{
		{40001, "secret"}, {40125, "secret"}, {40013, "appid"}, {61004, "allow-list"}, {61005, "push"}, {61006, "push"}, {61011, "appid"},
	} {
		t.Run(fmt.Sprint(tc.code), func(t *testing.T) {
			t.Parallel()
			ctx, w := t.Context(), newWechat(t)
			_, rdb := redistest.Mini(t)
			w.fail["api_component_token"] = []int{tc.code, 0}
			tokens, client := open(t, w, rdb, nil)
			_, err := client.Templates(ctx)
			var credential *registry.CredentialError
			var answer *wxclient.Error
			var notSent *wxclient.NotSentError
			if !errors.As(err, &credential) || credential.AppID != "" || !strings.Contains(err.Error(), tc.hint) {
				t.Errorf("got %v", err)
			}
			if !errors.As(err, &answer) || !errors.As(err, &notSent) {
				t.Errorf("the cause is lost: %v", err)
			}
			// The failure is remembered for a moment, until a ticket changes things.
			if _, err := tokens.ComponentToken(ctx); !errors.As(err, &credential) {
				t.Errorf("at once again: %v", err)
			}
			if n := w.count("api_component_token"); n != 1 {
				t.Errorf("%d calls, want 1", n)
			}
			if err := tokens.SetTicket(ctx, "ticket-1", 1); err != nil {
				t.Fatal(err)
			}
			must(t)(tokens.ComponentToken(ctx))
		})
	}
}

// TestAppWithoutPlatformToken: a platform fault seen under an app's renewal stays the platform's.
func TestAppWithoutPlatformToken(t *testing.T) {
	t.Parallel()
	_, rdb := redistest.Mini(t)
	w := newWechat(t)
	w.fail["api_component_token"] = []int{40001}
	tokens, _ := open(t, w, rdb, nil)
	_, err := tokens.AuthorizerToken(t.Context(), "wxa")
	var credential *registry.CredentialError
	if !errors.As(err, &credential) || credential.AppID != "" || !strings.Contains(err.Error(), "secret is wrong") {
		t.Errorf("got %v", err)
	}
}

// TestFailureOverwritesNothing: a renewal that fails within the margin leaves the token in use.
func TestFailureOverwritesNothing(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, noCache)
		late, _ := open(t, w, rdb, noCache)
		token := must(t)
		token(tokens.AuthorizerToken(ctx, "wxa"))
		advance(2*time.Hour - registry.AppMargin)
		w.set(func() { w.fail["api_authorizer_token"] = []int{-1, 45009} })
		w.set(func() { w.fail["api_component_token"] = []int{-1, -1, -1, -1} })
		if got := token(tokens.AuthorizerToken(ctx, "wxa")); got != "wxa/aat-1" {
			t.Errorf("in the margin: %s", got)
		}
		advance(registry.AppMargin)
		_, err := late.AuthorizerToken(ctx, "wxa")
		var answer *wxclient.Error
		if !errors.As(err, &answer) || answer.Class != wxclient.ClassRetryBusy {
			t.Errorf("after its end: %v", err)
		}
		w.set(func() { clear(w.fail) })
		if got := token(late.AuthorizerToken(ctx, "wxa")); got == "wxa/aat-1" {
			t.Errorf("recovered with %s", got)
		}
		if n := w.count("api_get_authorizer_info"); n != 1 {
			t.Errorf("%d read-backs, want 1: the refresh token was lost", n)
		}
	})
}

func TestTickets(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		tokens, _ := open(t, w, rdb, func(o *registry.Options) { o.Ticket = "" })
		_, err := tokens.ComponentToken(ctx)
		var credential *registry.CredentialError
		if !errors.As(err, &credential) || !strings.Contains(err.Error(), "no verify ticket") {
			t.Errorf("without a ticket: %v", err)
		}
		if got, err := tokens.Ages(ctx); err != nil || got != (registry.Ages{Ticket: -1, ComponentToken: -1}) {
			t.Errorf("ages %+v, %v", got, err)
		}
		now := rdb.Time(ctx).Val().Unix()
		for _, push := range []struct {
			ticket string
			at     int64
		}{{"second", now}, {"first", now - 600}, {"second again", now}} {
			if err := tokens.SetTicket(ctx, push.ticket, push.at); err != nil {
				t.Fatal(err)
			}
		}
		w.set(func() { w.ticket = "second" })
		must(t)(tokens.ComponentToken(ctx))
		advance(time.Minute)
		ages, err := tokens.Ages(ctx)
		if err != nil || ages.Ticket.Round(time.Minute) != time.Minute || ages.ComponentToken.Round(time.Minute) != time.Minute {
			t.Errorf("ages %+v, %v", ages, err)
		}
		if err := tokens.SetTicket(ctx, "", now+1); err == nil {
			t.Error("an empty ticket was taken")
		}
	})
}

func TestEvents(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		w.refresh["wxa"] = "refresh-1"
		tokens, _ := open(t, w, rdb, nil)
		push := func(kind string, at int64) {
			t.Helper()
			handled, err := tokens.HandleEvent(ctx, registry.Event{Type: kind, AppID: "wxa", CreateTime: at, AuthCode: "code-wxa"})
			if err != nil || !handled {
				t.Fatalf("%s: %v, %v", kind, handled, err)
			}
		}
		has := func(want string) {
			t.Helper()
			got, err := tokens.AuthorizerToken(ctx, "wxa")
			if want == "" && err != nil {
				return
			}
			if err != nil || got != want {
				t.Fatalf("token %q, %v; want %q", got, err, want)
			}
		}
		push("authorized", 100)
		has("wxa/aat-auth")
		push("unauthorized", 99) // late: the app authorized again since
		has("wxa/aat-auth")
		w.set(func() { w.refresh["wxa"] = "" })
		push("unauthorized", 101)
		has("")
		push("authorized", 100) // late: it took that back
		has("")
		w.set(func() { w.refresh["wxa"] = "refresh-2" })
		push("updateauthorized", 102)
		has("wxa/aat-auth")
		// The push repeats, and its code is spent.
		w.set(func() { w.fail["api_query_auth"] = []int{61009} })
		push("authorized", 103)
		has("wxa/aat-1")
		for _, kind := range []string{"weapp_audit_success", ""} {
			if handled, err := tokens.HandleEvent(ctx, registry.Event{Type: kind}); handled || err != nil {
				t.Errorf("%q: %v, %v", kind, handled, err)
			}
		}
		if _, err := tokens.HandleEvent(ctx, registry.Event{Type: "authorized", AppID: "wxother", AuthCode: "code-wxa"}); err == nil {
			t.Error("another app's code was taken")
		}
		w.set(func() { w.fail["api_query_auth"] = []int{-1} })
		if _, err := tokens.HandleEvent(ctx, registry.Event{Type: "authorized", AppID: "wxa", AuthCode: "code-wxa", CreateTime: 104}); err == nil {
			t.Error("a busy WeChat did not ask for a repetition")
		}
	})
}

// TestNothingLegible: no credential can be read in Redis, in an error or in a rendering.
func TestNothingLegible(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	m, rdb := redistest.Mini(t)
	w.refresh["wxa"] = "refresh-1"
	tokens, client := open(t, w, rdb, nil)
	if err := tokens.SetTicket(ctx, "ticket-1", 1); err != nil {
		t.Fatal(err)
	}
	must(t)(tokens.AuthorizerToken(ctx, "wxa"))
	dump := m.Dump()
	w.set(func() { w.fail["api_authorizer_token"] = []int{-1}; w.current["wxa"] = "wxa/gone" })
	err := client.Release(ctx, "wxa")
	if err == nil {
		t.Fatal("want an error")
	}
	o := registry.Options{ComponentAppID: me, Secret: secret, Ticket: "ticket-1"}
	e := registry.Event{Type: "x", Ticket: "ticket-1", AuthCode: "code-wxa"}
	text := dump + fmt.Sprintf("%v %+v %#v %v %+v %#v %v %+v %#v", err, err, err, o, o, o, e, e, e)
	for _, word := range []string{"ticket-1", "cat-1", "aat-1", "refresh-1", secret, "code-wxa"} {
		if strings.Contains(text, word) {
			t.Errorf("%q can be read", word)
		}
	}
	for _, key := range m.Keys() {
		if !strings.HasPrefix(key, "wxr:{registry}:") && !strings.HasPrefix(key, "wxrollout:{lease:") {
			t.Errorf("key %s is outside our names", key)
		}
	}
}

func TestSealingKeys(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	_, rdb := redistest.Mini(t)
	before, _ := open(t, w, rdb, nil)
	must(t)(before.ComponentToken(ctx))
	during, _ := open(t, w, rdb, func(o *registry.Options) { o.Sealer = sealer(t, key2, key1) })
	if got := must(t)(during.ComponentToken(ctx)); got != "cat-1" {
		t.Errorf("with both keys: %s", got)
	}
	after, _ := open(t, w, rdb, func(o *registry.Options) { o.Sealer = sealer(t, key2, "") })
	_, err := after.ComponentToken(ctx)
	var credential *registry.CredentialError
	if !errors.As(err, &credential) || !errors.Is(err, registry.ErrSeal) {
		t.Errorf("with the new key alone: %v", err)
	}
	if n := w.count("api_component_token"); n != 1 {
		t.Errorf("%d renewals: a wrong key must not make processes renew against each other", n)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		r := registry.NewReplay(rdb, me)
		for i, want := range []bool{false, true, true, false, true, false} {
			switch i {
			case 3:
				advance(time.Hour + time.Second)
			case 5:
				if err := r.Forget(ctx, "push"); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := r.Seen(ctx, "push", time.Hour); err != nil || got != want {
				t.Errorf("%d: %v, %v; want %v", i, got, err, want)
			}
		}
	})
}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := registry.New(registry.Options{})
	if err == nil {
		t.Fatal("want an error")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		got = append(got, strings.Fields(line)[2])
	}
	if diff := cmp.Diff([]string{"ComponentAppID", "Secret", "Sealer", "Client", "Redis"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	client, err := wxclient.New(wxclient.Options{ComponentAppID: me})
	if err != nil {
		t.Fatal(err)
	}
	_, rdb := redistest.Mini(t)
	if _, err := registry.New(registry.Options{ComponentAppID: "wxother", Secret: "s", Sealer: sealer(t, key1, ""), Client: client, Redis: rdb}); err == nil {
		t.Error("another component's client was taken")
	}
}

func TestRedisDown(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	m, rdb := redistest.Mini(t)
	tokens, client := open(t, w, rdb, nil)
	m.SetError("LOADING")
	for name, err := range map[string]error{
		"token": func() error { _, err := tokens.ComponentToken(ctx); return err }(),
		"app":   func() error { _, err := tokens.AuthorizerToken(ctx, "wxa"); return err }(),
		"none":  func() error { _, err := tokens.AuthorizerToken(ctx, ""); return err }(),
		"set":   tokens.SetTicket(ctx, "t", 1),
		"ages":  func() error { _, err := tokens.Ages(ctx); return err }(),
		"drop":  tokens.Refused(ctx, "", "x"),
		"call":  client.Release(ctx, "wxa"),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	if n := w.count("api_component_token"); n != 0 {
		t.Errorf("%d tokens fetched that nobody could store", n)
	}
}
