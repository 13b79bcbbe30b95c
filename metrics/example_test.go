package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wxrollout/wxrollout/metrics"
)

func Example() {
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, metrics.Labels{ // from the packages that own the values
		Stages:    metrics.Set{"submit"},
		Classes:   metrics.Set{"throttle-platform"},
		Endpoints: metrics.Set{"/wxa/submit_audit"},
		Closings:  metrics.Set{"85085"},
	})
	m.Watch(metrics.WatchOptions{
		Leader: func() bool { return true }, // from the controller's lease
		Source: source{},                    // from the ledger and the pools
		Redis:  noRedis,                     // the client that Asynq's queues are on
	})
	m.Call("/wxa/submit_audit", "throttle-platform", 85085, 80*time.Millisecond)
	m.PoolClosed("submit", "85085")

	scrape := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(scrape.Body.String()) {
		if strings.Contains(line, `="85085"`) && !strings.HasSuffix(line, " 0\n") || strings.HasPrefix(line, "wxrollout_leader") {
			fmt.Print(line)
		}
	}
	// Output:
	// wxrollout_leader 1
	// wxrollout_pool_closings_total{reason="85085",stage="submit"} 1
	// wxrollout_wechat_errcodes_total{code="85085"} 1
}
