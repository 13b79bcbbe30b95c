package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestRolloutOnRedisCluster: every script's keys are in one slot, and Asynq's too.
func TestRolloutOnRedisCluster(t *testing.T) {
	t.Parallel()
	const apps = 40
	rdb := redistest.Cluster(t)
	f := newFleetOn(t, rdb, wxsim.Options{Seed: 6, Apps: apps, BusyRate: 0.05, LostRate: 0.05},
		"REDIS_URL=redis+cluster://"+strings.Join(rdb.Options().Addrs, ","))
	f.worker(t)
	f.worker(t)
	f.released(t, f.apply(t, apps, ""), apps)
}

// watched is a primary, a replica and a sentinel that watches them.
type watched struct {
	primary *redistest.Server
	addr    string // the sentinel's
	client  *redis.Client
}

func startSentinel(t *testing.T) *watched {
	t.Helper()
	w := &watched{primary: redistest.Start(t, redistest.AOF())}
	redistest.Start(t, redistest.AOF(), redistest.Config("replicaof "+strings.Replace(w.primary.Addr(), ":", " ", 1), "repl-diskless-sync-delay 0"))
	w.addr = redistest.Sentinel(t, w.primary)
	w.client = redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "main", SentinelAddrs: []string{w.addr}})
	t.Cleanup(func() { _ = w.client.Close() }) // its sentinel may be gone
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: w.addr})
	t.Cleanup(func() { _ = sentinel.Close() })
	eventually(t, "the sentinel knows a replica in sync", func(ctx context.Context) (bool, string) {
		replicas, err := sentinel.Replicas(ctx, "main").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok", fmt.Sprint(replicas, err)
	})
	return w
}

// TestSentinelsAskForAPassword: they have separate users from the
// server's.
func TestSentinelsAskForAPassword(t *testing.T) {
	t.Parallel()
	addr := redistest.Sentinel(t, redistest.Start(t, redistest.AOF()), "requirepass guard-p@ss", "user watcher on >watcher-p@ss +@all")
	opens := func(changes ...string) error {
		cfg, err := read(config.RoleWorker, nil, with(with(good(), "REDIS_URL=redis+sentinel://"+addr+"/main/0"), changes...), config.NoFiles)
		if err != nil {
			return err
		}
		return opened(t, cfg)
	}
	eventually(t, "the sentinel lets us in", func(context.Context) (bool, string) { // it needs a moment to start
		err := opens("REDIS_SENTINEL_PASSWORD=guard-p@ss")
		return err == nil, fmt.Sprint(err)
	})
	if err := opens("REDIS_SENTINEL_USER=watcher", "REDIS_SENTINEL_PASSWORD=watcher-p@ss"); err != nil {
		t.Errorf("as a user: %v", err)
	}
	for name, changes := range map[string][]string{
		"no password":          nil,
		"a wrong one":          {"REDIS_SENTINEL_PASSWORD=guess"},
		"the server's instead": {"REDIS_PASSWORD=guard-p@ss"},
	} {
		err := opens(changes...)
		if err == nil || strings.Contains(err.Error(), "guard-p@ss") || strings.Contains(err.Error(), "guess") {
			t.Errorf("%s: %v, want an error without the password", name, err)
		}
	}
}

// TestRolloutFailsOver: the primary dies in the middle; the workers find the
// replica that took over, and nothing is done twice.
func TestRolloutFailsOver(t *testing.T) {
	t.Parallel()
	const apps = 40
	w := startSentinel(t)
	f := newFleetOn(t, w.client, wxsim.Options{
		Seed: 8, Apps: apps, Latency: wxsim.Range{Min: 20 * time.Millisecond, Max: 100 * time.Millisecond},
		AuditDelay: wxsim.Range{Min: time.Second, Max: 10 * time.Second},
	}, "REDIS_URL=redis+sentinel://"+w.addr+"/main/0", "CALL_TIMEOUT=2s", "LEASE=6s")
	f.worker(t)
	f.worker(t)
	id := f.apply(t, apps, "")
	eventually(t, "the rollout is in full swing", func(context.Context) (bool, string) {
		b := f.sim.Books()
		return b.Submissions > apps/4 && b.Releases > 0, fmt.Sprint(b.Submissions, b.Releases)
	})
	w.primary.Kill()
	eventually(t, "the replica took over", func(ctx context.Context) (bool, string) {
		addr, err := sentinelMaster(ctx, w.addr)
		return err == nil && addr != w.primary.Addr(), fmt.Sprint(addr, err)
	})
	f.released(t, id, apps)
}

// sentinelMaster asks a sentinel who is primary.
func sentinelMaster(ctx context.Context, addr string) (string, error) {
	s := redis.NewSentinelClient(&redis.Options{Addr: addr})
	defer func() { _ = s.Close() }() // it has answered
	hostPort, err := s.GetMasterAddrByName(ctx, "main").Result()
	return strings.Join(hostPort, ":"), err
}
