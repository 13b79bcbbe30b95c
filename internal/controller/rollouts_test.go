package controller_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// ledgerStub is a store without rollouts. A nil function finds nothing.
type ledgerStub struct {
	dispatch.Store
	woken int
	err   error
	claim error
	queue map[rollout.QueueName]int
	list  []rollout.Rollout
}

func (s *ledgerStub) Active(context.Context) ([]rollout.Rollout, error)           { return s.list, s.err }
func (s *ledgerStub) WakeDue(context.Context, int) (int, error)                   { return s.woken, nil }
func (s *ledgerStub) ExpireDue(context.Context, int) (int, error)                 { return 0, nil }
func (s *ledgerStub) InFlight(context.Context) (map[rollout.QueueName]int, error) { return nil, nil }
func (s *ledgerStub) Capacity(context.Context) (map[rollout.QueueName]int, error) {
	return s.queue, nil
}
func (s *ledgerStub) Claim(context.Context, rollout.Claim) ([]rollout.Assignment, error) {
	return nil, s.claim
}

// poolsStub are open.
type poolsStub struct{ dispatch.Pools }

func (poolsStub) Allowances(context.Context) (map[rollout.Stage]rollout.Allowance, error) {
	return map[rollout.Stage]rollout.Allowance{rollout.StageCommit: {N: rollout.Unlimited}}, nil
}

type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

// TestRolloutsWaits: soon after a pass that moved something, later after one that did not or that
// failed, however often.
func TestRolloutsWaits(t *testing.T) {
	t.Parallel()
	store := &ledgerStub{}
	var passes []dispatch.Progress
	var errs []error
	loop := controller.NewRollouts(controller.RolloutsOptions{
		Controller: dispatch.New(store, nil, poolsStub{}, machineClock{}, dispatch.Options{}),
		Record:     func(p dispatch.Progress, err error) { passes, errs = append(passes, p), append(errs, err) },
		Log:        zerolog.Nop(),
	})
	pass := func(want time.Duration, wantErr error) {
		t.Helper()
		next, err := loop.Reconcile(t.Context())
		if next != want || !errors.Is(err, wantErr) {
			t.Errorf("next in %s, %v; want %s, %v", next, err, want, wantErr)
		}
	}
	pass(200*time.Millisecond, nil)
	store.woken = 1
	pass(20*time.Millisecond, nil)
	store.err = errDown
	pass(200*time.Millisecond, errDown)
	if len(passes) != 3 || passes[1].Woken != 1 || !errors.Is(errs[2], errDown) {
		t.Errorf("recorded %+v, %v", passes, errs)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loop.Reconcile(ended); !errors.Is(err, context.Canceled) || len(passes) != 3 {
		t.Errorf("%v, %d passes recorded; want none of a pass that was cut off", err, len(passes))
	}
}

// TestRolloutsLogsQuarantine once when it begins and once when it ends.
func TestRolloutsLogsQuarantine(t *testing.T) {
	t.Parallel()
	counts := rollout.Counts{{Stage: rollout.StageCommit, State: rollout.StatePending}: 3}
	store := &ledgerStub{
		queue: map[rollout.QueueName]int{rollout.QueueCommit: 4},
		list: []rollout.Rollout{{
			ID: "r1", Status: rollout.StatusRunning, Counts: counts, Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "all", Size: 3}}},
		}},
	}
	var log bytes.Buffer
	loop := controller.NewRollouts(controller.RolloutsOptions{
		Controller: dispatch.New(store, nil, poolsStub{}, machineClock{}, dispatch.Options{}), Log: zerolog.New(&log),
	})
	for _, claim := range []error{nil, &rollout.QuarantineError{Left: time.Second}, &rollout.QuarantineError{Left: time.Second}, nil, nil} {
		store.claim = claim
		if _, err := loop.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "dispatching waits") || !strings.Contains(lines[1], "dispatching resumes") {
		t.Errorf("logged %q", lines)
	}
}
