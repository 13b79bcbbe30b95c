package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

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
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	redistest.Start(t, redistest.AOF(), redistest.Config("replicaof 127.0.0.1 "+port(w.primary.Addr()), "repl-diskless-sync-delay 0"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nsentinel monitor main 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n", port(w.addr), filepath.Dir(conf), port(w.primary.Addr()))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "redis-server", conf, "--sentinel")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // a killed sentinel is the normal end
		if t.Failed() {
			t.Logf("sentinel:\n%s", log.String())
		}
	})
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
