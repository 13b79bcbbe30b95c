package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/ledger"
)

// soakTargets are upgraded by soakRollouts consecutive rollouts: applied, done, archived and pruned.
const (
	soakTargets  = 20_000
	soakRollouts = 20
)

// soak is a churn of rollouts on one engine.
type soak struct {
	redis    *server
	engine   *engine
	archiver archive.Archiver
	dir      string // of the archives
}

// figures must not grow.
type figures struct {
	at time.Duration
	// targets that were finished so far.
	targets int
	// keys of ours and of Asynq, which keeps the IDs of finished tasks for some minutes.
	keys, queueKeys int
	redis           int64   // bytes
	heap            float64 // MiB
	goroutines      int
}

func startSoak(ctx context.Context, s *server, dir string) (*soak, error) {
	e, err := startEngine(ctx, s, newFakeWeChat(), engineOptions{})
	if err != nil {
		return nil, err
	}
	return &soak{redis: s, engine: e, dir: dir, archiver: archive.Archiver{Ledger: e.ledger, Now: time.Now, By: "soak"}}, nil
}

// churn applies, completes and prunes the k-th rollout of n targets. Each has another version and the
// same apps.
func (s *soak) churn(ctx context.Context, k, n int) error {
	id := fmt.Sprintf("soak-%d", k)
	p := plan(n)
	p.Name, p.Template.Version = id, fmt.Sprintf("4.0.%d", k)
	if err := s.engine.loadAs(ctx, id, p, n); err != nil {
		return err
	}
	if err := s.engine.await(ctx, id); err != nil {
		return err
	}
	file := filepath.Join(s.dir, id+archive.Suffix)
	done, err := s.archiver.Archive(ctx, id, archive.Options{File: file, Prune: true, Why: "soak"})
	if err == nil && (!done.Pruned || done.Targets != n) {
		err = fmt.Errorf("archived %+v", done)
	}
	return errors.Join(err, os.Remove(file))
}

func (s *soak) look(ctx context.Context) (figures, error) {
	f := figures{goroutines: runtime.NumGoroutine()}
	rdb := s.engine.rdb[0]
	all := rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for all.Next(ctx) {
		if strings.HasPrefix(all.Val(), "asynq:") {
			f.queueKeys++
		} else {
			f.keys++
		}
	}
	var err error
	f.redis, err = usedMemory(ctx, rdb)
	f.heap = heap()
	return f, errors.Join(all.Err(), err)
}

// runSoak spreads the rollouts over the time and prints the figures after each.
func runSoak(ctx context.Context, o options, stdout io.Writer) (err error) {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	dir, err := os.MkdirTemp("", "wxrollout-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := startSoak(ctx, server, dir)
	if err != nil {
		return err
	}
	defer s.engine.close(context.WithoutCancel(ctx))
	out, done, err := tee(stdout, o.out)
	if err != nil {
		return err
	}
	defer done()
	n := max(1, int(soakTargets*o.scale)) / soakRollouts
	fmt.Fprintf(out, "soak of %d targets in %d rollouts over %s\n", n*soakRollouts, soakRollouts, o.soak)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "after\ttargets\tkeys\tAsynq's keys\tRedis MiB\theap MiB\tgoroutines\t")
	start := time.Now()
	for k := range soakRollouts {
		if err := s.churn(ctx, k, n); err != nil {
			return fmt.Errorf("rollout %d: %w", k, err)
		}
		f, err := s.look(ctx)
		if err != nil {
			return err
		}
		f.at, f.targets = time.Since(start), (k+1)*n
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f\t%.1f\t%d\t\n", f.at.Round(time.Second), f.targets, f.keys, f.queueKeys, float64(f.redis)/(1<<20), f.heap, f.goroutines)
		next := o.soak * time.Duration(k+1) / soakRollouts
		if err := (wallClock{}).Sleep(ctx, next-time.Since(start)); err != nil {
			return err
		}
	}
	fmt.Fprintf(t, "%d rollouts are remembered as archived, at most %d\n", soakRollouts, ledger.ArchivedMax)
	return t.Flush()
}
