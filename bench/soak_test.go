package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// Rollouts come and go: what they leave in Redis is what the first one left, and
// their goroutines end. make soak does it for ten minutes.
func TestSoak(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := startSoak(ctx, &server{addr: redistest.Start(t).Addr()}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.engine.close(ctx)
	const apps = 200
	round := func(k int) ([]string, figures) {
		t.Helper()
		if err := s.churn(ctx, k, apps); err != nil {
			t.Fatal(err)
		}
		f, err := s.look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var ours []string
		all := s.engine.rdb[0].Scan(ctx, 0, "wxr:*", 1000).Iterator()
		for all.Next(ctx) {
			ours = append(ours, all.Val())
		}
		return ours, f
	}
	before, first := round(0)
	var after []string
	for k := range 3 {
		after, _ = round(k + 1)
	}
	slices.Sort(before)
	slices.Sort(after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("keys (-after one rollout +after four):\n%s", diff)
	}
	if len(before) == 0 || strings.Contains(strings.Join(after, " "), "soak-") {
		t.Errorf("keys %q", after)
	}
	// Handlers that ended a moment ago may still be there.
	deadline := time.Now().Add(time.Minute)
	for {
		f, err := s.look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.goroutines <= first.goroutines+10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d after the first rollout", f.goroutines, first.goroutines)
		}
		if err := (wallClock{}).Sleep(ctx, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}
