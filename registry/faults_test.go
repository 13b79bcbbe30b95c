package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestPlatformFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code int
		hint string
	}{
		{40001, "secret"}, {40125, "secret"}, {40013, "appid"}, {61004, "allow-list"}, {61005, "sends one"}, {61006, "sends one"}, {61011, "appid"},
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

// TestRefusedComponentTokenIsRemembered: a spent allowance is not spent further by each call of a fleet.
// A busy answer is asked for again.
func TestRefusedComponentTokenIsRemembered(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]int{45009: 1, 48001: 1, 99999: 1, -1: 3} {
		_, rdb := redistest.Mini(t)
		w := newWechat(t)
		w.fail["api_component_token"] = []int{code, code, code}
		tokens, _ := open(t, w, rdb, nil)
		for range 3 {
			if _, err := tokens.ComponentToken(t.Context()); err == nil {
				t.Errorf("errcode %d: got a token", code)
			}
		}
		if n := w.count("api_component_token"); n != want {
			t.Errorf("errcode %d: %d calls, want %d", code, n, want)
		}
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
		t.Errorf("%d tokens fetched that could not be stored", n)
	}
}
