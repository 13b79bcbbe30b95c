package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTimeout bounds how long a redis-server may take to accept
// connections, AOF loading included. It is 10-20 ms on a quiet machine.
const startTimeout = 20 * time.Second

// Server is a redis-server child of the test. Its methods may be called from
// any goroutine; a fault of the machinery fails the test with Errorf.
type Server struct {
	t    testing.TB
	bin  string
	dir  string
	conf config
	port int

	mu    sync.Mutex
	child *child // nil before the first launch and after Kill
}

// Addr is the server's host:port. It stays the same over Restart.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Dir is the server's working folder.
func (s *Server) Dir() string { return s.dir }

// AOFPath is the folder that holds the append-only files (Redis 7 keeps a
// manifest and several parts). It exists only with [AOF].
func (s *Server) AOFPath() string { return filepath.Join(s.dir, "appendonlydir") }

// PID is the process id of the running server, 0 after [Server.Kill].
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		return 0
	}
	return s.child.pid()
}

// Options is a fresh set of client options that reach this server.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Addr: s.Addr(), Password: s.conf.password, Protocol: s.conf.protocol}
}

// Client is a new client of this server, closed when t ends.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { closeClient(t, rdb) })
	return rdb
}

// FlushAll deletes every key.
func (s *Server) FlushAll() {
	s.t.Helper()
	rdb := redis.NewClient(s.Options())
	defer closeClient(s.t, rdb)
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		s.t.Errorf("flush %s: %v", s.Addr(), err)
	}
}

// Kill ends the server with SIGKILL, as a crash or the OOM killer would, and
// returns when it is gone. Killing a dead server does nothing.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

// kill is Kill with s.mu held.
func (s *Server) kill() {
	if s.child != nil {
		s.child.kill()
		s.child = nil
	}
}

// Restart starts the server again in the same folder and on the same port,
// killing it first if it still runs, and returns when it accepts
// connections. Without [AOF] it comes back empty.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.launch(); err != nil {
		s.t.Errorf("restart redis-server: %v", err)
	}
}

// Stop freezes the server with SIGSTOP: it keeps its port and its
// connections and answers nothing, like a stalled virtual machine.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Cont lets a frozen server go on.
func (s *Server) Cont() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		s.t.Errorf("send %v to redis-server: it is not running; Restart it first", sig)
		return
	}
	if err := syscall.Kill(s.child.pid(), sig); err != nil {
		s.t.Errorf("send %v to redis-server: %v", sig, err)
	}
}

// launch writes the configuration, starts the child and waits until it
// accepts connections.
func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(path, []byte(s.render()), 0o600); err != nil {
		return fmt.Errorf("write redis.conf: %w", err)
	}
	c, err := spawn(s.bin, path)
	if err != nil {
		return err
	}
	s.child = c
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case <-c.ready:
		return nil
	case <-c.done:
		s.child = nil
		return fmt.Errorf("redis-server ended before it was ready; its log:\n%s", c.tail())
	case <-timer.C:
		s.kill()
		return fmt.Errorf("redis-server was not ready after %v; its log:\n%s", startTimeout, c.tail())
	}
}

// render is the redis.conf: our defaults, the options, the extra lines.
func (s *Server) render() string {
	lines := []string{
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", s.port),
		fmt.Sprintf("dir %q", s.dir),
		`save ""`,
		"daemonize no",
		"maxmemory-policy noeviction",
	}
	if s.conf.aof {
		lines = append(lines, "appendonly yes", "appendfsync everysec")
	}
	if s.conf.password != "" {
		lines = append(lines, fmt.Sprintf("requirepass %q", s.conf.password))
	}
	return strings.Join(append(lines, s.conf.lines...), "\n") + "\n"
}

// freePort asks the kernel for a port that is free now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = l.Close() }() // nothing was sent through it
	return l.Addr().(*net.TCPAddr).Port
}

// closeClient closes a client that the test may have closed already.
func closeClient(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		t.Errorf("close redis client: %v", err)
	}
}
