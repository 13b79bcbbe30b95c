// Package promtest gives a test a real Prometheus that scrapes what the test
// serves ([Start]), and runs the mixin's dashboard and alerts on it ([CheckMixin]).
//
// It owns the child processes it starts and their temporary folders, and takes
// both away when the test ends. It must never be imported by product code.
//
//	func TestDashboard(t *testing.T) {
//		prom := promtest.Start(t, worker.Addr())
//		prom.Await(t, 3) // scrapes
//		up, err := prom.Query(t.Context(), "up")
//	}
//
// A machine without prometheus skips these tests, unless CI or
// WXROLLOUT_REQUIRE_PROMETHEUS is set in the environment: there the absence is a
// failure, because a skipped integration test proves nothing.
package promtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// RequireEnv names the environment variable that turns a missing prometheus or
// promtool from a skip into a failure. CI does the same.
const RequireEnv = "WXROLLOUT_REQUIRE_PROMETHEUS"

// Interval is how often targets are scraped, and how long a scrape may take:
// short, so that a rate has its two samples soon, and long enough for a machine
// that is busy with other tests.
const Interval = time.Second

// startTimeout bounds how long Prometheus may take to be ready. It is about a
// second on a quiet machine.
const startTimeout = 2 * time.Minute

// Prom is a Prometheus child of the test.
type Prom struct {
	// URL is the base of its HTTP API.
	URL     string
	targets int
	child   *proctest.Process
}

// Start runs a separate Prometheus for t, on a free port of 127.0.0.1, that
// scrapes http://<target>/metrics of each target (host:port), and returns when
// it is ready. It is killed and its folder removed when t ends.
func Start(t testing.TB, targets ...string) *Prom {
	t.Helper()
	bin := Binary(t, "prometheus")
	dir := t.TempDir()
	conf := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(conf, []byte(config(targets)), 0o600); err != nil {
		t.Fatalf("write prometheus.yml: %v", err)
	}
	p := &Prom{targets: len(targets)}
	proctest.Retry(t, "prometheus", func(port int) (err error) {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		p.URL = "http://" + addr
		p.child, err = proctest.Serve(startTimeout, "Server is ready to receive web requests", bin,
			"--config.file="+conf, "--storage.tsdb.path="+filepath.Join(dir, fmt.Sprint("data", port)), "--web.listen-address="+addr)
		return err
	})
	t.Cleanup(p.child.Kill)
	return p
}

// config is the prometheus.yml.
func config(targets []string) string {
	quoted := make([]string, len(targets))
	for i, target := range targets {
		quoted[i] = fmt.Sprintf("%q", target)
	}
	ms := fmt.Sprintf("%dms", Interval.Milliseconds())
	return strings.Join([]string{
		"global: {scrape_interval: " + ms + ", scrape_timeout: " + ms + "}",
		"scrape_configs:",
		"  - job_name: wxrollout",
		"    static_configs: [{targets: [" + strings.Join(quoted, ", ") + "]}]",
	}, "\n") + "\n"
}

// Binary finds prometheus or promtool, or skips or fails t.
func Binary(t testing.TB, name string) string {
	t.Helper()
	return proctest.Program(t, name, "prometheus", RequireEnv)
}
