package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a child redis-server without persistence: both sides of a pair run on it, and a disk would
// add noise to both.
type server struct {
	cmd  *exec.Cmd
	dir  string
	addr string
}

func startRedis(ctx context.Context) (*server, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("bench needs redis-server: install it, or run make needs: %w", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "wxrollout-bench-")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "redis.conf")
	lines := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %q\nsave \"\"\nappendonly no\nmaxmemory-policy noeviction\n", port, dir)
	if err := os.WriteFile(conf, []byte(lines), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{cmd: exec.CommandContext(context.WithoutCancel(ctx), bin, conf), dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start redis-server: %w", err), os.RemoveAll(dir))
	}
	ready := make(chan struct{})
	go func() {
		seen := false
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if !seen && strings.Contains(sc.Text(), "Ready to accept connections") {
				seen = true
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
		return s, nil
	case <-time.After(20 * time.Second):
		return nil, errors.Join(errors.New("redis-server was not ready within 20 s"), s.stop())
	}
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }() // nothing was sent through it
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) stop() error {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
	return os.RemoveAll(s.dir)
}

func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true, PoolSize: 100})
}

// flush empties the server between two runs.
func (s *server) flush(ctx context.Context) error {
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	return rdb.FlushAll(ctx).Err()
}
