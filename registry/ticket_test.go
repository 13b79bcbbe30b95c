package registry_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
)

// receiving is a process that WeChat's callbacks reach.
func receiving(reported *[]string) func(*registry.Options) {
	return func(o *registry.Options) {
		o.Ticket, o.Receives, o.CacheTTL = "", true, time.Nanosecond
		if reported != nil {
			o.TicketsRequested = func(p registry.TicketRequest) { *reported = append(*reported, p.Result) }
		}
	}
}

// TestTicketLife: a ticket serves for twelve hours, and is refused in clear words after that without
// asking WeChat.
func TestTicketLife(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		tokens, _ := open(t, w, rdb, func(o *registry.Options) { o.Ticket, o.CacheTTL = "", time.Nanosecond })
		byHand, _ := open(t, w, rdb, noCache)
		if err := tokens.SetTicket(ctx, "ticket-1", rdb.Time(ctx).Val().Unix()); err != nil {
			t.Fatal(err)
		}
		w.set(func() { w.ticket = "ticket-1" })
		advance(registry.TicketLife - time.Minute)
		must(t)(tokens.ComponentToken(ctx))
		advance(2 * time.Hour) // the token ends
		_, err := tokens.ComponentToken(ctx)
		var credential *registry.CredentialError
		if !errors.As(err, &credential) || credential.AppID != "" ||
			!strings.Contains(err.Error(), "verify ticket is too old") || !strings.Contains(err.Error(), "arrived 13h59m0s ago") {
			t.Errorf("got %v", err)
		}
		if n := w.count("api_component_token"); n != 1 {
			t.Errorf("%d requests, want 1: an old ticket is not worth one", n)
		}
		// One set by hand takes over.
		w.set(func() { w.ticket = "ticket-by-hand" })
		must(t)(byHand.ComponentToken(ctx))
	})
}

// TestStoppedPushIsRestarted by one of eight processes, and not again for a while.
func TestStoppedPushIsRestarted(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		var reported []string
		tokens, _ := open(t, w, rdb, receiving(&reported))
		keep := func(want bool) {
			t.Helper()
			if asked, err := tokens.KeepTickets(ctx); err != nil || asked != want {
				t.Fatalf("asked %t, %v; want %t", asked, err, want)
			}
		}
		if last, err := tokens.LastTicketRequest(ctx); err != nil || last.Ago >= 0 {
			t.Errorf("before: %+v, %v", last, err)
		}
		if err := tokens.SetTicket(ctx, "ticket-1", rdb.Time(ctx).Val().Unix()); err != nil {
			t.Fatal(err)
		}
		advance(registry.TicketStale - time.Second)
		keep(false)
		advance(2 * time.Second)
		keep(true)
		keep(false) // asked already
		advance(10 * time.Minute)
		keep(false)
		last, err := tokens.LastTicketRequest(ctx)
		if err != nil || last.Result != registry.TicketsRestarted || last.Ago.Round(time.Minute) != 10*time.Minute {
			t.Errorf("afterwards: %+v, %v", last, err)
		}
		w.set(func() { w.pushing = "in a normal state" })
		advance(5 * time.Minute)
		keep(true)
		w.set(func() { w.fail["api_start_push_ticket"] = []int{40125} })
		advance(15 * time.Minute)
		keep(true)
		if last, err = tokens.LastTicketRequest(ctx); err != nil || !strings.Contains(last.Result, "40125") || strings.Contains(last.Result, secret) {
			t.Errorf("a refused one: %+v, %v", last, err)
		}
		if len(reported) != 3 || reported[0] != registry.TicketsRestarted || reported[1] != registry.TicketsRun {
			t.Errorf("reported %q", reported)
		}
		// A process that no callback reaches does not ask.
		deaf, _ := open(t, w, rdb, nil)
		advance(time.Hour)
		if asked, err := deaf.KeepTickets(ctx); err != nil || asked {
			t.Errorf("without callbacks: asked %t, %v", asked, err)
		}
	})
}

// TestBadTicketAsksForAnother: without a ticket, with a refused and with an old one, WeChat is asked to
// tickets, once over all processes. Other faults don't.
func TestBadTicketAsksForAnother(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		ticket time.Duration // age; -1 = none
		code   int
		want   int
	}{
		{"none", -1, 0, 1},
		{"too old", 13 * time.Hour, 0, 1},
		{"ran out", time.Minute, 61005, 1},
		{"wrong", time.Minute, 61006, 1},
		{"secret", time.Minute, 40125, 0},
		{"busy", time.Minute, -1, 0},
		{"good", time.Minute, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, w := t.Context(), newWechat(t)
			_, rdb := redistest.Mini(t)
			if tc.code != 0 {
				w.fail["api_component_token"] = []int{tc.code, tc.code, tc.code, tc.code, tc.code, tc.code, tc.code, tc.code}
			}
			var wg sync.WaitGroup
			for i := range 8 {
				tokens, _ := open(t, w, rdb, receiving(nil))
				if i == 0 && tc.ticket >= 0 {
					if err := tokens.SetTicket(ctx, "ticket-1", time.Now().Add(-tc.ticket).Unix()); err != nil {
						t.Fatal(err)
					}
				}
				wg.Go(func() { _, _ = tokens.ComponentToken(ctx) })
			}
			wg.Wait()
			if n := w.count("api_start_push_ticket"); n != tc.want {
				t.Errorf("asked %d times, want %d", n, tc.want)
			}
		})
	}
}

// TestAges counts the apps whose token lives.
func TestAges(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		for _, id := range []string{"wxa", "wxb", "wxc"} {
			w.refresh[id] = "refresh-" + id
		}
		tokens, _ := open(t, w, rdb, noCache)
		apps := func(want int64) {
			t.Helper()
			if ages, err := tokens.Ages(ctx); err != nil || ages.AppTokens != want {
				t.Errorf("%d app tokens, %v; want %d", ages.AppTokens, err, want)
			}
		}
		apps(0)
		for _, id := range []string{"wxa", "wxb"} {
			must(t)(tokens.AuthorizerToken(ctx, id))
		}
		apps(2)
		if ages, err := tokens.Ages(ctx); err != nil || ages.ComponentLeft.Round(time.Minute) != 2*time.Hour {
			t.Errorf("the component's token lives %v, %v", ages.ComponentLeft, err)
		}
		if err := tokens.Refused(ctx, "wxa", "wxa/aat-1"); err != nil {
			t.Fatal(err)
		}
		apps(1)
		advance(time.Hour)
		must(t)(tokens.AuthorizerToken(ctx, "wxa"))
		must(t)(tokens.AuthorizerToken(ctx, "wxc"))
		apps(3)
		if _, err := tokens.HandleEvent(ctx, registry.Event{Type: "unauthorized", AppID: "wxc", CreateTime: 1}); err != nil {
			t.Fatal(err)
		}
		apps(2)
		advance(time.Hour + time.Second)
		apps(1)
		advance(time.Hour)
		apps(0)
		if ages, err := tokens.Ages(ctx); err != nil || ages.ComponentLeft != 0 || ages.ComponentToken != -1 {
			t.Errorf("the component's token after its end: %+v, %v", ages, err)
		}
	})
}

// TestRenewalsAreReported, one by one, with their results.
func TestRenewalsAreReported(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	_, rdb := redistest.Mini(t)
	w.refresh["wxa"] = "refresh-1"
	var got []registry.Renewal
	tokens, _ := open(t, w, rdb, func(o *registry.Options) {
		o.Renewed = func(r registry.Renewal) { got = append(got, r) }
	})
	w.fail["api_component_token"] = []int{-1, 40001}
	for range 2 {
		_, _ = tokens.ComponentToken(ctx)
	}
	if err := tokens.SetTicket(ctx, "t", 1); err != nil { // forgets the failure
		t.Fatal(err)
	}
	must(t)(tokens.AuthorizerToken(ctx, "wxa"))
	w.fail["api_get_authorizer_info"] = []int{61003}
	_, _ = tokens.AuthorizerToken(ctx, "wxb")
	want := []registry.Renewal{
		{Result: registry.RenewalBusy}, {Result: registry.RenewalPlatform},
		{Result: registry.RenewalOK}, {App: true, Result: registry.RenewalOK}, {App: true, Result: registry.RenewalMerchant},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
