package gateway

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

var start = time.Date(2026, 11, 15, 4, 0, 0, 0, time.UTC)

// TestAbandonedCallsDoNotOverlap: a client that gave a call up may make the next one, even if the simulator detects it late.
func TestAbandonedCallsDoNotOverlap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		noticed time.Duration // after the second call began
		overlap int64
	}{
		"at once":     {0, 0},
		"within race": {abandonGrace, 0},
		"much later":  {abandonGrace + time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := model.New(model.Options{Clock: clock.System{}}, model.Settings{}, nil)
			w.AddApps(1)
			c := &Call{World: w, App: w.App(model.AppID(0))}
			ctx := newEndless()
			first := &flight{path: "/wxa/commit", write: true, ctx: ctx, at: start, wall: func() time.Time { return start.Add(tc.noticed) }}
			second := &flight{path: "/wxa/getversioninfo", ctx: t.Context(), at: start, wall: time.Now}
			first.later = append(first.later, second)
			a := &traffic{flights: []*flight{first, second}}
			ctx.end()
			a.leave(first, c)
			if n := w.Snapshot().OverlappingCalls.Total; n != tc.overlap || len(a.flights) != 1 {
				t.Errorf("%d overlaps and %d flights left, want %d and 1", n, len(a.flights), tc.overlap)
			}
		})
	}
}
