package proctest

import (
	"context"
	"testing"
	"time"
)

// Eventually repeats a check until it holds. After two minutes the test fails with the check's text.
func Eventually(t testing.TB, what string, check func() (ok bool, state string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, state := check()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s; now: %s", what, state)
		case <-tick.C:
		}
	}
}
