package redistest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/proctest"
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
	child *proctest.Process // nil before the first launch and after Kill
}

// Addr is the server's host:port. It stays the same over Restart.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

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
	return s.child.PID()
}

// Options is a fresh set of client options that reach this server.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Addr: s.Addr(), Password: s.conf.password}
}

// Client is a new client of this server, closed when t ends.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { closeClient(t, rdb) })
	return rdb
}

// Kill ends the server with SIGKILL, as a crash or the OOM killer would, and
// returns when it is gone. Killing a dead server does nothing.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.Kill()
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
	s.child.Signal(sig)
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
	c, err := proctest.Serve(startTimeout, "Ready to accept connections", s.bin, path)
	s.child = c
	return err
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

// closeClient closes a client that the test may have closed already.
func closeClient(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		t.Errorf("close redis client: %v", err)
	}
}
