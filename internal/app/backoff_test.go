package app

import (
	"errors"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	p := backoff{wait: reconcileEvery}
	busy, other := errors.New("busy"), errors.New("other")
	if !p.failed(busy, reconcileSlow) || p.failed(busy, reconcileSlow) || !p.failed(other, reconcileSlow) {
		t.Error("a last error is said once")
	}
	if want := 8 * reconcileEvery; p.wait != want {
		t.Errorf("waits %s after three failures, want %s", p.wait, want)
	}
	for range 20 {
		p.failed(busy, reconcileSlow)
	}
	if p.wait != reconcileSlow {
		t.Errorf("waits %s at the most, want %s", p.wait, reconcileSlow)
	}
	if p.failed(busy, 2*reconcileEvery); p.wait != 2*reconcileEvery {
		t.Errorf("waits %s with another limit, want %s", p.wait, 2*reconcileEvery)
	}
	for took, want := range map[time.Duration]time.Duration{0: reconcileEvery, time.Millisecond: reconcileEvery, time.Second: 50 * time.Second, time.Hour: reconcileSlow} {
		if p.well(took); p.wait != want {
			t.Errorf("waits %s after a look of %s, want %s", p.wait, took, want)
		}
	}
	if !p.failed(busy, reconcileSlow) {
		t.Error("the same last error after all was well is news")
	}
}
