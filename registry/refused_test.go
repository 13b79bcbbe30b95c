package registry_test

import (
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

// A read-back that shows no refresh token blames no app: the authorization may still be valid.
func TestBlankRefreshTokenIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWechat(t)
	_, rdb := redistest.Mini(t)
	tokens, _ := open(t, w, rdb, noCache)
	w.refresh["wxa"] = ""
	_, err := tokens.AuthorizerToken(t.Context(), "wxa")
	if err == nil || errors.As(err, new(*registry.CredentialError)) || !strings.Contains(err.Error(), "shows no refresh token") {
		t.Errorf("got %v", err)
	}
	if n := w.count("api_authorizer_token"); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}

func TestMustReauthorize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, refresh string
		fail          map[string][]int
		asked         int // refreshes
	}{
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

// TestStormOfRefusals: WeChat takes a token no more while eight processes make many calls with it. Every call
// works, and each token is renewed once.
func TestStormOfRefusals(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const processes, calls, storms = 8, 6, 4
			ctx, w, rdb := t.Context(), newWechat(t), start(t)
			w.refresh["wxa"] = "refresh-1"
			var clients []*wxclient.Client
			for range processes {
				_, client := open(t, w, rdb, nil)
				clients = append(clients, client)
			}
			storm := func() {
				var wg sync.WaitGroup
				for _, client := range clients {
					for range calls {
						wg.Go(func() {
							if err := client.Release(ctx, "wxa"); err != nil {
								t.Error(err)
							}
						})
					}
				}
				wg.Wait()
			}
			storm()
			for range storms {
				w.set(func() { w.current["wxa"], w.current[""] = "wxa/gone", "gone" })
				storm()
			}
			if n := w.count("api_authorizer_token wxa"); n > 3*(1+storms) || w.granted["wxa"] != 1+storms {
				t.Errorf("%d renewals of the app's token in %d requests, want %d", w.granted["wxa"], n, 1+storms)
			}
			if w.granted[""] != 1+storms {
				t.Errorf("%d renewals of the component's token, want %d", w.granted[""], 1+storms)
			}
		})
	}
}
