package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// idleFor is the duration of the measurement.
const idleFor = time.Minute

// idleRow measures worker and Redis while 100,000 targets are parked.
func idleRow(ctx context.Context, b *bench) error {
	n, wx := b.n(100_000), newFakeWeChat()
	return withEngine(ctx, b.redis, wx, engineOptions{noController: true}, func(e *engine) error {
		if err := e.load(ctx, n); err != nil {
			return err
		}
		if err := parkAll(ctx, e.ledger, n); err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		defer stop()
		e.done.Go(func() { e.runner.Run(running) })
		before := cpuOf(b.redis)
		if err := (wallClock{}).Sleep(ctx, idleFor); err != nil {
			return err
		}
		used := cpuOf(b.redis).since(before)
		b.add(line{Name: fmt.Sprintf("CPU with %d targets parked, worker and Redis", n), Unit: "% of a core", Ours: 100 * used.Seconds() / idleFor.Seconds(), Goal: "< 1 %"})
		b.add(line{Name: "calls meanwhile", Unit: "calls", Ours: float64(wx.calls.Load()), Goal: "<= 0"})
		return nil
	})
}

// parkAll parks every target for an hour at the verdict stage.
func parkAll(ctx context.Context, l *ledger.Ledger, n int) error {
	var page []ledger.Edit
	parked := 0
	save := func() error {
		stored, err := l.SaveAll(ctx, page)
		parked += stored
		page = page[:0]
		return err
	}
	for t, err := range l.Targets(ctx, rolloutID) {
		if err != nil {
			return err
		}
		next := t
		next.Stage, next.State, next.Reason, next.Wait = rollout.StageVerdict, rollout.StateParked, rollout.ReasonVerdict, time.Hour
		if page = append(page, ledger.Edit{Was: t, Next: next}); len(page) == ledger.AddBatch {
			if err := save(); err != nil {
				return err
			}
		}
	}
	if err := save(); err != nil {
		return err
	}
	if parked != n {
		return fmt.Errorf("%d of %d targets were parked", parked, n)
	}
	return nil
}

// cpu is the time that this process and Redis have used.
type cpu struct{ ours, redis time.Duration }

func (c cpu) since(before cpu) time.Duration { return c.ours - before.ours + c.redis - before.redis }

// cpuOf reads both; an unreadable value counts as 0.
func cpuOf(s *server) cpu {
	var c cpu
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		c.ours = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return c
	}
	// Behind the name in brackets: state is the 3rd field, utime the 14th, stime the 15th, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err == nil {
			c.redis += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return c
}
