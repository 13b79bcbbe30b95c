package queue

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/rollout"
)

// stuckRunner ignores its context until it is freed.
type stuckRunner struct{ begun, freed, ended chan struct{} }

func (r stuckRunner) Run(context.Context, rollout.Assignment) error {
	close(r.begun)
	<-r.freed
	close(r.ended)
	return nil
}

// A handler that ignores its canceled context does not hold up the end of the worker.
func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(New(srv.Client(t), Options{}).Enqueue(t.Context(), assignmentsOf(rollout.StageCommit, 1)))
	stuck := stuckRunner{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	s := NewServers(srv.Client(t), stuck, ServersOptions{
		Concurrency: map[rollout.QueueName]int{rollout.QueueCommit: 1}, Drain: time.Millisecond, Abandon: time.Millisecond, Log: zerolog.Nop(),
	})
	must(s.Start())
	<-stuck.begun
	if err := s.Shutdown(t.Context()); err == nil || !strings.Contains(err.Error(), "1 handlers still run") {
		t.Errorf("%v, want the handler that still runs", err)
	}
	close(stuck.freed)
	<-stuck.ended
	for t.Context().Err() == nil { // each call waits for the same end, within its limit
		if s.Shutdown(t.Context()) == nil {
			return
		}
	}
}
