package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// Sentinel starts a sentinel that watches a server under the name "main", and
// returns its host:port. It needs a moment before it answers. lines are
// sentinel.conf directives, such as "requirepass guard"; a later one wins.
func Sentinel(t testing.TB, primary *Server, lines ...string) (addr string) {
	t.Helper()
	port := proctest.FreePort(t)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := append([]string{
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", port),
		fmt.Sprintf("dir %q", filepath.Dir(conf)),
		fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1", primary.port),
		"sentinel down-after-milliseconds main 1000",
		"sentinel failover-timeout main 5000",
	}, lines...)
	if err := os.WriteFile(conf, []byte(strings.Join(text, "\n")+"\n"), 0o600); err != nil {
		t.Fatalf("write sentinel.conf: %v", err)
	}
	proctest.Start(t, binary(t), nil, conf, "--sentinel")
	return fmt.Sprintf("127.0.0.1:%d", port)
}
