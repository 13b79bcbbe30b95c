package registry_test

import (
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

// with2 is a process that has changed its key; only2 one that has forgotten the previous one.
func with2(t *testing.T) func(*registry.Options) {
	return func(o *registry.Options) { noCache(o); o.Sealer = sealer(t, key2, key1) }
}

func only2(t *testing.T) func(*registry.Options) {
	return func(o *registry.Options) { noCache(o); o.Sealer = sealer(t, key2, "") }
}

// TestReseal: afterwards the new key alone opens everything, nothing was renewed for it, and doing it
// again does nothing.
func TestReseal(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, w := t.Context(), newWechat(t)
		const apps = 520 // more than a page
		var page []wxclient.Authorizer
		for i := range apps {
			id := fmt.Sprintf("wx%04d", i)
			w.refresh[id] = "refresh-" + id
			page = append(page, wxclient.Authorizer{AppID: id, RefreshToken: w.refresh[id]})
		}
		before, _ := open(t, w, rdb, noCache)
		if err := before.SetTicket(ctx, "ticket-1", time.Now().Unix()); err != nil {
			t.Fatal(err)
		}
		if err := before.Learn(ctx, page); err != nil {
			t.Fatal(err)
		}
		must(t)(before.AuthorizerToken(ctx, "wx0007"))
		const values = apps + 3 // a ticket, a component token, an app's token

		during, _ := open(t, w, rdb, with2(t))
		steps := 0
		found, err := during.Seals(ctx, func(done, total int) {
			if steps++; done > total || total != apps+2 {
				t.Errorf("progress %d of %d", done, total)
			}
		})
		if diff := cmp.Diff(registry.Seals{Values: values, Previous: values}, found); diff != "" || err != nil || steps < 3 {
			t.Errorf("before, in %d steps: %v (-want +got):\n%s", steps, err, diff)
		}
		must(t)(during.AuthorizerToken(ctx, "wx0008")) // sealed with the current key
		found, err = during.Reseal(ctx, nil)
		if diff := cmp.Diff(registry.Seals{Values: values + 1, Resealed: values - 1}, found); diff != "" || err != nil {
			t.Errorf("resealed: %v (-want +got):\n%s", err, diff) // wx0008's refresh token was new too
		}
		found, err = during.Reseal(ctx, nil)
		if diff := cmp.Diff(registry.Seals{Values: values + 1}, found); diff != "" || err != nil {
			t.Errorf("again: %v (-want +got):\n%s", err, diff)
		}
		renewals := w.count("api_component_token") + w.count("api_authorizer_token")
		after, _ := open(t, w, rdb, only2(t))
		if got := must(t)(after.AuthorizerToken(ctx, "wx0007")); got != "wx0007/aat-1" {
			t.Errorf("with the new key alone: %s", got)
		}
		must(t)(after.ComponentToken(ctx))
		if n := w.count("api_component_token") + w.count("api_authorizer_token"); n != renewals {
			t.Error("a token was renewed, because its row could not be read")
		}
		must(t)(after.AuthorizerToken(ctx, "wx0009")) // by the refresh token
		if n := w.count("api_get_authorizer_info"); n != 0 {
			t.Errorf("%d refresh tokens were lost", n)
		}
	})
}

// TestResealOfTheUnreadable: a row of a third key is named and left alone, the rest is done.
func TestResealOfTheUnreadable(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	_, rdb := redistest.Mini(t)
	w.refresh["wxa"], w.refresh["wxb"] = "refresh-a", "refresh-b"
	tokens, _ := open(t, w, rdb, noCache)
	must(t)(tokens.AuthorizerToken(ctx, "wxa"))
	lost, _ := open(t, w, rdb, func(o *registry.Options) {
		o.Sealer = sealer(t, "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=", key1)
	})
	must(t)(lost.AuthorizerToken(ctx, "wxb"))
	during, _ := open(t, w, rdb, with2(t))
	found, err := during.Reseal(ctx, nil)
	want := registry.Seals{Values: 5, Resealed: 3, Unreadable: 2, Examples: []string{"wxr:{registry}:" + me + ":app:wxb"}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if found, err := lost.Seals(ctx, nil); err != nil || found.Unreadable != 3 {
		t.Errorf("by the third key: %+v, %v", found, err)
	}
}

// TestResealBesideWorkers: renewals, refusals and authorizations go on while rows are sealed again, and
// none of what they store is lost.
func TestResealBesideWorkers(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	rdb := redistest.Start(t).Client(t)
	const apps = 20
	for i := range apps {
		w.refresh[fmt.Sprint("wx", i)] = "refresh"
	}
	old, _ := open(t, w, rdb, noCache)
	for i := range apps {
		must(t)(old.AuthorizerToken(ctx, fmt.Sprint("wx", i)))
	}
	during, client := open(t, w, rdb, with2(t))
	var wg sync.WaitGroup
	for i := range apps {
		wg.Go(func() {
			id := fmt.Sprint("wx", i)
			for range 5 {
				w.set(func() { w.current[id] += "!" }) // WeChat forgets it
				if err := client.Release(ctx, id); err != nil {
					t.Error(err)
				}
				event := registry.Event{Type: "authorized", AppID: id, AuthCode: "code-" + id, CreateTime: time.Now().Unix()}
				if _, err := during.HandleEvent(ctx, event); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		if _, err := during.Reseal(ctx, nil); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	found, err := during.Reseal(ctx, nil)
	if err != nil || found.Previous != 0 || found.Unreadable != 0 {
		t.Errorf("at the end: %+v, %v", found, err)
	}
	after, _ := open(t, w, rdb, only2(t))
	for i := range apps {
		id := fmt.Sprint("wx", i)
		if got := must(t)(after.AuthorizerToken(ctx, id)); got != w.current[id] {
			t.Errorf("%s has %s, WeChat takes %s", id, got, w.current[id])
		}
	}
}

func TestResealWithoutRedis(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWechat(t)
	m, rdb := redistest.Mini(t)
	tokens, _ := open(t, w, rdb, with2(t))
	m.SetError("LOADING")
	if _, err := tokens.Reseal(ctx, nil); err == nil || errors.As(err, new(*registry.CredentialError)) || !strings.Contains(err.Error(), "LOADING") {
		t.Errorf("got %v", err)
	}
}
