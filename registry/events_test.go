package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
)

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
		for _, callback := range []struct {
			ticket string
			at     int64
		}{{"second", now}, {"first", now - 600}, {"second again", now}} {
			if err := tokens.SetTicket(ctx, callback.ticket, callback.at); err != nil {
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
		callback := func(kind string, at int64) {
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
		callback("authorized", 100)
		has("wxa/aat-auth")
		callback("unauthorized", 99) // late: the app authorized again since
		has("wxa/aat-auth")
		w.set(func() { w.refresh["wxa"] = "" })
		callback("unauthorized", 101)
		has("")
		callback("authorized", 100) // late: it took that back
		has("")
		w.set(func() { w.refresh["wxa"] = "refresh-2" })
		callback("updateauthorized", 102)
		has("wxa/aat-auth")
		// The callback repeats, and its code is spent.
		w.set(func() { w.fail["api_query_auth"] = []int{61009} })
		callback("authorized", 103)
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
				if err := r.Forget(ctx, "callback"); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := r.Seen(ctx, "callback", time.Hour); err != nil || got != want {
				t.Errorf("%d: %v, %v; want %v", i, got, err, want)
			}
		}
	})
}
