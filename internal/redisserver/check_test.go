package redisserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// sufficient is the ACL rule of docs/redis.md.
const sufficient = "user app on nopass ~wxr:* ~wxrollout:* ~asynq:* &asynq:* +@all -@dangerous -@admin +info"

// set changes a setting of the server.
func set(name, value string) func(t *testing.T, rdb *redis.Client) {
	return func(t *testing.T, rdb *redis.Client) {
		t.Helper()
		if err := rdb.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckFindsUnfitServers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		config   []string
		user     string // connects as this user
		accepted redisserver.Accepted
		spoil    func(t *testing.T, rdb *redis.Client)
		want     []string // parts of the error; none: it can hold the ledger
	}{
		{name: "as Redis comes"},
		{name: "noeviction with a limit", config: []string{"maxmemory 100mb"}},
		{name: "a cache", config: []string{"maxmemory-policy allkeys-lru"}, want: []string{"maxmemory-policy is allkeys-lru"}},
		{name: "a half cache", config: []string{"maxmemory-policy volatile-ttl"}, want: []string{"maxmemory-policy is volatile-ttl"}},
		{
			name: "a replica",
			spoil: func(t *testing.T, rdb *redis.Client) {
				if err := rdb.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"it is a replica (role slave)"},
		},
		{name: "the sufficient ACL", user: "app", config: []string{sufficient}},
		{name: "managed: no CONFIG, evicting", user: "app", config: []string{"maxmemory-policy allkeys-lfu", "user app on nopass ~* &* +@all -config"}, want: []string{"allkeys-lfu"}},
		{name: "managed and sound", user: "app", config: []string{"user app on nopass ~* &* +@all -config"}},
		{
			name: "no INFO", user: "app", config: []string{"user app on nopass ~* &* +@all -info"},
			want: []string{"version cannot be read", "run_id cannot be read", "WXROLLOUT_REDIS_ACCEPT=unknown-version"},
		},
		{
			name: "no INFO, vouched for", user: "app", config: []string{"user app on nopass ~* &* +@all -info"},
			accepted: redisserver.AcceptWords(),
		},
		{name: "a command is forbidden", user: "app", config: []string{"user app on nopass ~* &* +@all -zmscore -unlink"}, want: []string{"scripts cannot run ZMSCORE, UNLINK", "docs/redis.md"}},
		{name: "scripts are forbidden", user: "app", config: []string{"user app on nopass ~* &* +@all -@scripting"}, want: []string{"scripts are refused"}},
		{name: "keys are forbidden", user: "app", config: []string{"user app on nopass ~asynq:* &* +@all"}, want: []string{"docs/redis.md"}},
		{name: "Asynq's channels are forbidden", user: "app", config: []string{"user app on nopass ~* resetchannels +@all"}, want: []string{"PUBLISH"}},
		{name: "Asynq's keys are forbidden", user: "app", config: []string{"user app on nopass ~wxr:* ~wxrollout:* &* +@all"}, want: []string{"writes to asynq:* are refused (NOPERM", "docs/redis.md"}},
		{name: "the limiters' keys are forbidden", user: "app", config: []string{"user app on nopass ~wxr:* ~asynq:* &* +@all"}, want: []string{"writes to wxrollout:* are refused (NOPERM"}},
		{name: "full", spoil: set("maxmemory", "1"), want: []string{"writes to wxr:*, wxrollout:*, asynq:* are refused (OOM", "raise maxmemory"}},
		{name: "without its replicas", spoil: set("min-replicas-to-write", "1"), want: []string{"refused (NOREPLICAS", "min-replicas-to-write: bring them back"}},
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
			err := redisserver.Check(t.Context(), rdb, tc.accepted)
			if err == nil {
				err = redisserver.Probe(t.Context(), rdb, srv.Addr())
			}
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("%v, want %q", err, tc.want)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), srv.Addr()) {
					t.Errorf("%v, want %q and the address", err, part)
				}
			}
			if n := srv.Client(t).DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("%d keys are left, want none", n)
			}
		})
	}
}

func TestCheckReadsEachMaster(t *testing.T) {
	t.Parallel()
	rdb := redistest.Cluster(t)
	if err := redisserver.Check(t.Context(), rdb, nil); err != nil {
		t.Fatalf("a cluster as Redis comes: %v", err)
	}
	node, err := rdb.MasterForKey(t.Context(), "some key")
	if err != nil {
		t.Fatal(err)
	}
	if err := node.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random").Err(); err != nil {
		t.Fatal(err)
	}
	var unfit *redisserver.UnfitError
	if err := redisserver.Check(t.Context(), rdb, nil); !errors.As(err, &unfit) || len(unfit.Faults) != 1 || unfit.Faults[0].Server != node.Options().Addr {
		t.Errorf("one master of three evicts: %v, want one fault of %s", err, node.Options().Addr)
	}
}

// TestOldServerIsRefused runs with an old redis-server in PATH (make redises). With a current one it checks
// the opposite.
func TestOldServerIsRefused(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	facts, err := redisserver.Read(t.Context(), rdb)
	if err != nil || len(facts) != 1 {
		t.Fatalf("%v, %v", facts, err)
	}
	err = redisserver.Check(t.Context(), rdb, redisserver.AcceptWords())
	if old := strings.HasPrefix(facts[0].Version, "6.") || strings.HasPrefix(facts[0].Version, "5."); old != (err != nil) {
		t.Errorf("%s %s: %v", facts[0].Product, facts[0].Version, err)
	}
	t.Logf("%s %s: %v", facts[0].Product, facts[0].Version, err)
}
