package ratelimit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

const processes = 4

// jobs are what a helper process can do. Each prints numbers, one a line.
var jobs = map[string]func(ctx context.Context, rdb *redis.Client, name string) error{
	"throttle": throttleJob,
	"quota":    quotaJob,
	"lease":    leaseJob,
	"hold":     holdJob,
}

var processRate = Rate{Permits: 500, Per: time.Second, Burst: 10}

// throttleJob takes as often as it can until it had 60 permits.
func throttleJob(ctx context.Context, rdb *redis.Client, name string) error {
	g := NewGate(NewThrottle(rdb, name, processRate), nil)
	for range 60 {
		if err := g.Wait(ctx); err != nil {
			return err
		}
		fmt.Println(1)
	}
	return nil
}

// quotaJob takes permits in 16 goroutines until it is refused.
func quotaJob(ctx context.Context, rdb *redis.Client, name string) error {
	q := NewQuota(rdb, name, QuotaOptions{})
	var mu sync.Mutex
	var first error
	crowd(16, func(i int) {
		for n := 0; ; n++ {
			got, err := q.Take(ctx, []string{fmt.Sprintf("%d/%d/%d", os.Getpid(), i, n)})
			if err != nil || len(got.Granted) == 0 {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
				return
			}
			fmt.Println(1)
		}
	})
	return first
}

// leaseJob holds the lease 20 times, and notes in Redis if another does so
// too. It prints its fences.
func leaseJob(ctx context.Context, rdb *redis.Client, name string) error {
	l := NewLease(rdb, name, fmt.Sprint("process ", os.Getpid()), time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for held := 0; held < 20; <-tick.C {
		h, ok, err := l.Acquire(ctx)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		held++
		if n := rdb.Incr(ctx, "inside").Val(); n != 1 {
			return fmt.Errorf("%d holders at once", n)
		}
		if err := rdb.RPush(ctx, "fences", h.Fence).Err(); err != nil {
			return err
		}
		if err := rdb.Decr(ctx, "inside").Err(); err != nil {
			return err
		}
		if err := l.Release(ctx); err != nil {
			return err
		}
		fmt.Println(h.Fence)
	}
	return nil
}

// holdJob acquires the lease, says so, and waits to be killed.
func holdJob(ctx context.Context, rdb *redis.Client, name string) error {
	h, ok, err := NewLease(rdb, name, "victim", 300*time.Millisecond).Acquire(ctx)
	if err != nil || !ok {
		return fmt.Errorf("acquire: %v, %w", ok, err)
	}
	fmt.Println(h.Fence)
	<-ctx.Done()
	return nil
}

// command is this binary as a helper process.
func command(t *testing.T, job, addr string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s x %s", helperEnv, job, addr))
	return cmd
}

// fleet runs a job in several processes at once and returns what they printed.
func fleet(t *testing.T, job, addr string) (numbers []int64) {
	t.Helper()
	outs := make([]bytes.Buffer, processes)
	crowd(processes, func(i int) {
		var stderr bytes.Buffer
		cmd := command(t, job, addr)
		cmd.Stdout, cmd.Stderr = &outs[i], &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, &stderr)
		}
	})
	for i := range outs {
		for line := range strings.Lines(outs[i].String()) {
			n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			if err != nil {
				t.Fatalf("process %d printed %q", i, line)
			}
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func TestThrottleProcesses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	rdb := srv.Client(t)
	before := rdb.Time(t.Context()).Val()
	got := int64(len(fleet(t, "throttle", srv.Addr())))
	took := rdb.Time(t.Context()).Val().Sub(before)
	allowed := processRate.burst() + took.Microseconds()/processRate.interval() + 1
	if got != 60*processes || got > allowed {
		t.Errorf("%d permits in %v, want %d; the rule allows %d", got, took, 60*processes, allowed)
	}
}

func TestQuotaProcesses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	const rest = 500
	if err := NewQuota(srv.Client(t), "x", QuotaOptions{}).Refill(t.Context(), Reading{Rest: rest, Limit: rest}); err != nil {
		t.Fatal(err)
	}
	if got := len(fleet(t, "quota", srv.Addr())); got != rest {
		t.Errorf("%d permits of a rest of %d", got, rest)
	}
}

func TestLeaseProcesses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	if got := len(fleet(t, "lease", srv.Addr())); got != 20*processes {
		t.Errorf("held %d times, want %d", got, 20*processes)
	}
	fences, err := srv.Client(t).LRange(t.Context(), "fences", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for i, f := range fences { // in the order they were held
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || n <= last {
			t.Errorf("holding %d: fence %s after %d (%v)", i, f, last, err)
		}
		last = n
	}
}

// A process that is killed with the lease in hand loses it by itself.
func TestLeaseOfKilledProcess(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	cmd := command(t, "hold", srv.Addr())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var fence int64
	if _, err := fmt.Fscan(out, &fence); err != nil {
		t.Fatalf("the process did not acquire the lease: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("a killed process ended well")
	}
	heir := NewLease(srv.Client(t), "x", "heir", time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		h, ok, err := heir.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if h.Fence <= fence {
				t.Errorf("fence %d after the dead one's %d", h.Fence, fence)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the dead process's lease did not come back")
		case <-tick.C:
		}
	}
}
