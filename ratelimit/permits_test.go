package ratelimit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ratelimit"
)

func TestPermitsAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		q := ratelimit.NewQuota(rdb, "submit", ratelimit.QuotaOptions{PermitTTL: 10 * time.Minute})
		list := func() (out []ratelimit.Permit) {
			t.Helper()
			for p, err := range q.Permits(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, p)
			}
			return out
		}
		take := func(ids ...string) {
			t.Helper()
			if got, err := q.Take(ctx, ratelimit.Ask{}, ids); err != nil || len(got.Granted) != len(ids) {
				t.Fatalf("%v, %v", got, err)
			}
		}
		if got := list(); len(got) != 0 {
			t.Errorf("a new pool has %v out", got)
		}
		var many []string
		for i := range 700 {
			many = append(many, fmt.Sprintf("p%03d", i))
		}
		take("old")
		advance(9 * time.Minute)
		take(many...)
		var ids []string
		for _, p := range list() {
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		if want := append([]string{"old"}, many...); !slices.Equal(slices.Compact(ids), want) {
			t.Errorf("%d permits are out, want %d", len(ids), len(want))
		}
		first := list()[slices.IndexFunc(list(), func(p ratelimit.Permit) bool { return p.ID == "p000" })]
		advance(2 * time.Minute) // old has lapsed
		take("p000")             // taken again: another life
		for _, p := range []ratelimit.Permit{first, {ID: "old", Lapses: first.Lapses}, {ID: "none", Lapses: first.Lapses}} {
			if ok, err := q.Revoke(ctx, p); ok || err != nil {
				t.Errorf("revoke %v: %t, %v", p, ok, err)
			}
		}
		second := list()[slices.IndexFunc(list(), func(p ratelimit.Permit) bool { return p.ID == "p000" })]
		for _, want := range []bool{true, false} {
			if ok, err := q.Revoke(ctx, second); ok != want || err != nil {
				t.Errorf("revoke: %t, %v, want %t", ok, err, want)
			}
		}
		if got := len(list()); got != len(many)-1 {
			t.Errorf("%d permits are out", got)
		}
	})
}
