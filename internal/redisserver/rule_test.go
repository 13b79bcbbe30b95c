package redisserver_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/redisserver"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	sound := redisserver.Facts{Addr: "h:1", Product: "redis", Version: "7.0.15", Role: "master", RunID: "ab", Eviction: "noeviction"}
	with := func(change func(*redisserver.Facts)) redisserver.Facts {
		f := sound
		change(&f)
		return f
	}
	for _, tc := range []struct {
		name     string
		facts    redisserver.Facts
		accepted redisserver.Accepted
		want     []string // parts of each fault; none: it can hold the ledger
	}{
		{name: "Redis 7.0", facts: sound},
		{name: "Redis 8", facts: with(func(f *redisserver.Facts) { f.Version = "8.0.2" })},
		{name: "a release candidate", facts: with(func(f *redisserver.Facts) { f.Version = "10.0-rc1" })},
		{name: "Valkey", facts: with(func(f *redisserver.Facts) { f.Product, f.Version = "valkey", "8.0.1" })},
		{name: "Redict", facts: with(func(f *redisserver.Facts) { f.Product, f.Version = "redict", "7.3.6" })},
		{name: "Redis 6.2", facts: with(func(f *redisserver.Facts) { f.Version = "6.2.14" }), want: []string{"redis 6.2.14 is too old"}},
		{name: "Redis 6.0", facts: with(func(f *redisserver.Facts) { f.Version = "6.0.16" }), want: []string{"too old"}},
		{name: "Redis 5", facts: with(func(f *redisserver.Facts) { f.Version = "5.0.14" }), want: []string{"upgrade it to 7.0"}},
		{name: "Redis 4", facts: with(func(f *redisserver.Facts) { f.Version = "4.0.14" }), want: []string{"too old"}},
		{name: "too old is never accepted", facts: with(func(f *redisserver.Facts) { f.Version = "5.0.14" }), accepted: redisserver.AcceptWords(), want: []string{"too old"}},
		{name: "not a version", facts: with(func(f *redisserver.Facts) { f.Version = "unstable" }), want: []string{"too old"}},
		{name: "Dragonfly", facts: with(func(f *redisserver.Facts) { f.Product, f.Version = "dragonfly", "1.2" }), want: []string{"dragonfly 1.2, on which wxrollout is not tested"}},
		{name: "Dragonfly, accepted", facts: with(func(f *redisserver.Facts) { f.Product, f.Version = "dragonfly", "1.2" }), accepted: redisserver.Accepted{redisserver.AcceptProduct}},
		{name: "a replica", facts: with(func(f *redisserver.Facts) { f.Role = "slave" }), accepted: redisserver.AcceptWords(), want: []string{"replica"}},
		{name: "a cache", facts: with(func(f *redisserver.Facts) { f.Eviction = "allkeys-lru" }), accepted: redisserver.AcceptWords(), want: []string{"maxmemory-policy is allkeys-lru"}},
		{name: "eviction unknown", facts: with(func(f *redisserver.Facts) { f.Eviction = "" }), want: []string{"maxmemory-policy cannot be read"}},
		{name: "eviction vouched for", facts: with(func(f *redisserver.Facts) { f.Eviction = "" }), accepted: redisserver.Accepted{redisserver.AcceptEviction}},
		{name: "nothing known", facts: redisserver.Facts{Addr: "h:1"}, want: []string{"version cannot be read", "maxmemory-policy cannot be read", "run_id cannot be read"}},
		{name: "nothing known, all vouched for", facts: redisserver.Facts{Addr: "h:1"}, accepted: redisserver.AcceptWords()},
		{name: "one vouch is not another", facts: redisserver.Facts{Addr: "h:1"}, accepted: redisserver.Accepted{redisserver.AcceptEviction}, want: []string{"version", "run_id"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := tc.facts.Faults(tc.accepted)
			if len(got) != len(tc.want) {
				t.Fatalf("%v, want %d faults", got, len(tc.want))
			}
			for i, f := range got {
				if !strings.Contains(f.String(), tc.want[i]) || f.Next == "" || f.Server != "h:1" {
					t.Errorf("fault %d: %s, want %q, a server and a next step", i, f, tc.want[i])
				}
			}
		})
	}
}
