package demo_test

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/demo"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// play runs the story to its end.
func play(t *testing.T, o demo.Options) demo.Tally {
	t.Helper()
	o.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	d, err := demo.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	for s, err := range d.Operator().Watch(ctx, d.Rollout(), 200*time.Millisecond) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Status.Ended() {
			break
		}
	}
	tally, err := d.Settle(ctx)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%+v", tally)
	return tally
}

func TestDemoBalancesAndRepeats(t *testing.T) {
	t.Parallel()
	first := play(t, demo.Options{Apps: 60, Seed: 7})
	if first.Released+first.Rejected != 60 || first.Released == 0 {
		t.Errorf("released %d and rejected %d of 60", first.Released, first.Rejected)
	}
	second := play(t, demo.Options{Apps: 60, Seed: 7})
	if first.Released != second.Released || first.Rejected != second.Rejected {
		t.Errorf("the same seed ended differently: %+v, then %+v", first, second)
	}
}

func TestDemoOnARealRedis(t *testing.T) {
	t.Parallel()
	url := "redis://" + redistest.Start(t).Addr() + "/3"
	play(t, demo.Options{Apps: 20, Seed: 3, RedisURL: url})
	_, err := demo.Start(t.Context(), demo.Options{Apps: 20, RedisURL: url, Log: zerolog.Nop()})
	if err == nil {
		t.Fatal("the demo started on a redis that holds rollouts")
	}
	t.Log(err)
}

func TestDemoLimits(t *testing.T) {
	t.Parallel()
	if _, err := demo.Start(t.Context(), demo.Options{Apps: demo.MaxApps + 1, Log: zerolog.Nop()}); err == nil {
		t.Error("too many apps were taken")
	}
}
