// Package redistest gives a test the Redis it needs: a real redis-server
// child ([Start]), an embedded miniredis ([Mini]), both with the same table
// ([Both]) or a small cluster ([Cluster]).
//
// It owns the child processes it starts and their temporary folders, and
// takes both away when the test ends. It must never be imported by product
// code and never connect to a Redis it did not start.
//
//	func TestStore(t *testing.T) {
//		srv := redistest.Start(t, redistest.AOF())
//		rdb := srv.Client(t)
//		// write, then crash it
//		srv.Kill()
//		srv.Restart()
//		// the same rdb connects again; read back
//	}
//
// A machine without redis-server skips these tests, unless CI or
// WXROLLOUT_REQUIRE_REDIS is set in the environment: there the absence is a
// failure, because a skipped integration test proves nothing.
package redistest

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// RequireEnv names the environment variable that turns a missing
// redis-server from a skip into a failure. CI does the same.
const RequireEnv = "WXROLLOUT_REQUIRE_REDIS"

// Option changes how [Start] configures the server.
type Option func(*config)

// config is what the options fill in.
type config struct {
	lines    []string // redis.conf directives, later ones win
	aof      bool
	password string
}

// AOF turns the append-only file on with appendfsync everysec, the setting
// production runs with: a crash may lose the last second of writes.
func AOF() Option { return func(c *config) { c.aof = true } }

// Password protects the server with requirepass; [Server.Client] sends it.
func Password(p string) Option { return func(c *config) { c.password = p } }

// Config adds lines in redis.conf syntax, such as "maxmemory 8mb" or
// "user app on >secret ~* +@all". A later line wins over an earlier one and
// over the defaults.
func Config(lines ...string) Option {
	return func(c *config) { c.lines = append(c.lines, lines...) }
}

// Start runs a separate redis-server for t on a free port of 127.0.0.1 and
// returns once it accepts connections. Nothing is persisted unless [AOF] is
// given. The server is killed and its folder removed when t ends.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	var c config
	for _, o := range opts {
		o(&c)
	}
	s := &Server{t: t, bin: binary(t), dir: t.TempDir(), conf: c}
	t.Cleanup(s.Kill)
	proctest.Retry(t, "redis-server", func(port int) error {
		s.port = port
		return s.launch()
	})
	return s
}

func binary(t testing.TB) string {
	t.Helper()
	return proctest.Program(t, "redis-server", "redis-server", RequireEnv)
}
