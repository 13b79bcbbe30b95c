package app

import (
	"errors"
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	t.Parallel()
	p := patience{wait: tendEvery}
	busy, other := errors.New("busy"), errors.New("other")
	if !p.failed(busy, tendSlow) || p.failed(busy, tendSlow) || !p.failed(other, tendSlow) {
		t.Error("a trouble is said once")
	}
	if want := 8 * tendEvery; p.wait != want {
		t.Errorf("waits %s after three failures, want %s", p.wait, want)
	}
	for range 20 {
		p.failed(busy, tendSlow)
	}
	if p.wait != tendSlow {
		t.Errorf("waits %s at the most, want %s", p.wait, tendSlow)
	}
	if p.failed(busy, 2*tendEvery); p.wait != 2*tendEvery {
		t.Errorf("waits %s with another limit, want %s", p.wait, 2*tendEvery)
	}
	for took, want := range map[time.Duration]time.Duration{0: tendEvery, time.Millisecond: tendEvery, time.Second: 50 * time.Second, time.Hour: tendSlow} {
		if p.well(took); p.wait != want {
			t.Errorf("waits %s after a look of %s, want %s", p.wait, took, want)
		}
	}
	if !p.failed(busy, tendSlow) {
		t.Error("the same trouble after all was well is news")
	}
}
