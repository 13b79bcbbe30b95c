package mixin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/promtest"
	"github.com/wxrollout/wxrollout/metrics/mixin"
)

// TestOnPrometheus has a real Prometheus scrape two workers and asks it
// everything that the dashboard and the alerts ask.
func TestOnPrometheus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		src     fleet
		holding []string
	}{
		"a fleet that knows everything": {holding: []string{"WxrolloutQuotaExhausted"}},
		// Only what is marked as sparse may be empty.
		"a fleet that knows little": {src: fleet{bare: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leader, m := worker(t, tt.src, true)
			follower, _ := worker(t, tt.src, false)
			m.Call("/wxa/commit", "ok", 0, 80*time.Millisecond)
			prom := promtest.Start(t, leader, follower)
			if got := promtest.CheckMixin(t, prom); !slices.Equal(got, tt.holding) {
				t.Errorf("alerts whose condition holds: %q, want %q", got, tt.holding)
			}
			if !tt.src.bare {
				all := slices.Clone(mixin.Queries())
				for i := range all {
					all[i].Sparse = all[i].Event
				}
				promtest.CheckQueries(t, prom, all)
			}
		})
	}
}
