package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
)

func TestCheckServer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		config []string
		user   string // connects as this user
		spoil  func(t *testing.T, rdb *redis.Client)
		want   ledger.ServerError
		hint   string // of an UnavailableError
	}{
		{name: "as Redis comes"},
		{name: "noeviction with a limit", config: []string{"maxmemory 100mb"}},
		{
			name: "a cache", config: []string{"maxmemory-policy allkeys-lru"},
			want: ledger.ServerError{Setting: "maxmemory-policy", Value: "allkeys-lru", Want: "noeviction"},
		},
		{
			name: "a half cache", config: []string{"maxmemory-policy volatile-ttl"},
			want: ledger.ServerError{Setting: "maxmemory-policy", Value: "volatile-ttl", Want: "noeviction"},
		},
		{
			name: "a replica",
			spoil: func(t *testing.T, rdb *redis.Client) {
				config(t, rdb.ReplicaOf(t.Context(), "127.0.0.1", "1"))
			},
			want: ledger.ServerError{Setting: "role", Value: "slave", Want: "master"},
		},
		{
			name: "managed: no CONFIG", user: "app",
			config: []string{"maxmemory-policy allkeys-lfu", "user app on nopass ~* +@all -config"},
			want:   ledger.ServerError{Setting: "maxmemory-policy", Value: "allkeys-lfu", Want: "noeviction"},
		},
		{name: "managed and fine", user: "app", config: []string{"user app on nopass ~* +@all -config"}},
		{name: "no INFO", user: "app", config: []string{"user app on nopass ~* +@all -info"}, hint: "let the Redis user run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t, redistest.Config(tc.config...))
			if tc.spoil != nil {
				tc.spoil(t, srv.Client(t))
			}
			o := srv.Options()
			if tc.user != "" {
				o.Username, o.Password = tc.user, "any"
			}
			rdb := redis.NewClient(o)
			t.Cleanup(func() { _ = rdb.Close() })
			err := ledger.CheckServer(t.Context(), rdb)
			var unfit *ledger.ServerError
			var u *ledger.UnavailableError
			switch {
			case errors.As(err, &unfit):
				if unfit.Hint == "" || unfit.Server != srv.Addr() {
					t.Errorf("hint %q for server %q, want one for %s", unfit.Hint, unfit.Server, srv.Addr())
				}
				got := ledger.ServerError{Setting: unfit.Setting, Value: unfit.Value, Want: unfit.Want}
				if got != tc.want {
					t.Errorf("%v, want %+v", err, tc.want)
				}
			case errors.As(err, &u) && tc.hint != "":
				if !strings.Contains(u.Hint, tc.hint) {
					t.Errorf("%v, want a hint of %q", err, tc.hint)
				}
			case err != nil || tc.want != (ledger.ServerError{}) || tc.hint != "":
				t.Errorf("%v, want %+v", err, tc.want)
			}
		})
	}
}

func TestCheckServerAsksEachMaster(t *testing.T) {
	t.Parallel()
	rdb := redistest.Cluster(t)
	if err := ledger.CheckServer(t.Context(), rdb); err != nil {
		t.Fatalf("a cluster as Redis comes: %v", err)
	}
	node, err := rdb.MasterForKey(t.Context(), "some key")
	if err != nil {
		t.Fatal(err)
	}
	config(t, node.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random"))
	var unfit *ledger.ServerError
	if err := ledger.CheckServer(t.Context(), rdb); !errors.As(err, &unfit) || unfit.Server != node.Options().Addr {
		t.Errorf("one master of three evicts: %v, want an error about %s", err, node.Options().Addr)
	}
}
