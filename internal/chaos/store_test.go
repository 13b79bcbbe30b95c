package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// store is the Redis of a rollout: AOF everysec, a server that can be replaced.
type store struct {
	t   *testing.T
	rdb *redis.Client // follows failovers

	mu      sync.Mutex
	primary *redistest.Server
	sizes   []size // of the AOF, oldest first
}

// size is how long the AOF was at a time.
type size struct {
	at    time.Time
	file  string
	bytes int64
}

// lastSecond is what a crash of the machine may take from the AOF.
const lastSecond = time.Second

func newStore(t *testing.T) *store {
	ignoreFileLimit()
	s := &store{t: t}
	s.primary = s.start()
	s.rdb = redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.addr())
	}})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.measure(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		_ = s.rdb.Close()
	})
	return s
}

func (s *store) start() *redistest.Server {
	// The newest file is only ever appended to: no rewrite in mid-rollout.
	return redistest.Start(s.t, redistest.AOF(), redistest.Config("auto-aof-rewrite-percentage 0"))
}

func (s *store) server() *redistest.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primary
}

func (s *store) addr() string { return s.server().Addr() }

// measure notes how the AOF grows.
func (s *store) measure(stop chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			file, n := newestAOF(s.server())
			s.mu.Lock()
			s.sizes = append(s.sizes, size{now, file, n})
			if len(s.sizes) > 1000 {
				s.sizes = s.sizes[500:]
			}
			s.mu.Unlock()
		}
	}
}

// newestAOF is the file that a server appends to.
func newestAOF(srv *redistest.Server) (file string, bytes int64) {
	files, _ := filepath.Glob(filepath.Join(srv.AOFPath(), "*.incr.aof")) // the pattern is a good one
	var newest time.Time
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && !info.ModTime().Before(newest) {
			file, bytes, newest = f, info.Size(), info.ModTime()
		}
	}
	return file, bytes
}

// crash kills the server as the machine's end would: what it appended within the
// last second is gone. It comes back on the same port.
func (s *store) crash() error {
	srv := s.server()
	srv.Kill()
	end := time.Now()
	file, now := newestAOF(srv)
	keep := int64(-1)
	s.mu.Lock()
	for _, z := range s.sizes {
		if z.file == file && z.at.Before(end.Add(-lastSecond)) {
			keep = z.bytes
		}
	}
	s.mu.Unlock()
	if keep < 0 {
		return fmt.Errorf("no size of %s is known from a second ago", file)
	}
	if err := os.Truncate(file, min(keep, now)); err != nil {
		return fmt.Errorf("cut the AOF: %w", err)
	}
	srv.Restart()
	return nil
}

// failover promotes a replica that misses what the primary was sent for a while,
// and ends the primary. then is called in between, when the new one is to be used.
func (s *store) failover(ctx context.Context, missing time.Duration) error {
	old := s.server()
	_, port, _ := net.SplitHostPort(old.Addr())
	next := s.start()
	rdb := redis.NewClient(next.Options())
	defer func() { _ = rdb.Close() }()
	// By command: written in its configuration, it would be a replica again after a crash.
	if err := rdb.ReplicaOf(ctx, "127.0.0.1", port).Err(); err != nil {
		return fmt.Errorf("make a replica: %w", err)
	}
	for {
		info, err := rdb.Info(ctx, "replication").Result()
		if err == nil && strings.Contains(info, "master_link_status:up") {
			break
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the replica never caught up: %w", ctx.Err())
		}
	}
	if err := rdb.ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
		return fmt.Errorf("promote the replica: %w", err)
	}
	wait(ctx, missing)
	old.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.primary = next
	return nil
}

// deleteAsynq deletes every key of the queue.
func (s *store) deleteAsynq(ctx context.Context) (int64, error) {
	var n int64
	it := s.rdb.Scan(ctx, 0, "asynq:*", 1000).Iterator()
	for it.Next(ctx) {
		d, err := s.rdb.Del(ctx, it.Val()).Result()
		if err != nil {
			return n, err
		}
		n += d
	}
	return n, it.Err()
}
