package ratelimit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

const processes = 4

// jobs are what a helper process can do. Each prints lines of numbers.
var jobs = map[string]func(ctx context.Context, rdb *redis.Client, name string) error{
	"throttle": throttleJob,
	"quota":    quotaJob,
	"lease":    leaseJob,
	"hold":     holdJob,
	"permits":  permitsJob,
}

// all runs fn in 64 goroutines and returns the first error.
func all(fn func(i int) error) error {
	var once sync.Once
	var first error
	crowd(goroutines, func(i int) {
		if err := fn(i); err != nil {
			once.Do(func() { first = err })
		}
	})
	return first
}

// stamped sends each script between two looks at the server's clock, in one
// transaction: what it grants is granted between the two.
type stamped struct {
	*redis.Client
	before, after time.Time
}

func (s *stamped) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return s.around(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.EvalSha(ctx, sha, keys, args...) })
}

func (s *stamped) Eval(ctx context.Context, src string, keys []string, args ...any) *redis.Cmd {
	return s.around(ctx, func(p redis.Pipeliner) *redis.Cmd { return p.Eval(ctx, src, keys, args...) })
}

func (s *stamped) around(ctx context.Context, send func(redis.Pipeliner) *redis.Cmd) *redis.Cmd {
	var cmd *redis.Cmd
	var before, after *redis.TimeCmd
	_, _ = s.TxPipelined(ctx, func(p redis.Pipeliner) error { // the commands have their own errors
		before, cmd, after = p.Time(ctx), send(p), p.Time(ctx)
		return nil
	})
	s.before, s.after = before.Val(), after.Val()
	return cmd
}

const (
	processPermits = 100 // that each process takes at least
	holdings       = 1   // of each goroutine
)

var processRate = Rate{Permits: 500, Per: time.Second, Burst: 10}

// throttleJob takes one to three permits at a time, for the whole or for a part,
// in 64 goroutines until they had enough together. It prints the server's µs
// around each grant, and how many it was.
func throttleJob(ctx context.Context, rdb *redis.Client, name string) error {
	var had atomic.Int64
	return all(func(i int) error {
		clock := &stamped{Client: rdb}
		th := NewThrottle(clock, name, processRate)
		if i%2 == 0 {
			th = th.Part("p")
		}
		for had.Load() < processPermits {
			g, err := th.Take(ctx, 1+i%3)
			if err != nil {
				return err
			}
			if had.Add(int64(g.Granted)); g.Granted > 0 {
				fmt.Println(clock.before.UnixMicro(), clock.after.UnixMicro(), g.Granted)
				continue
			}
			<-time.After(max(g.RetryAfter, 20*time.Millisecond))
		}
		return nil
	})
}

// quotaJob takes one to three permits at a time in 64 goroutines until each is
// refused; one of three it spends, one it returns, and one it keeps. It prints how
// many it did of each.
func quotaJob(ctx context.Context, rdb *redis.Client, name string) error {
	q := NewQuota(rdb, name, QuotaOptions{})
	return all(func(i int) error {
		var spent, returned, kept int
		for n := 0; ; n++ {
			var ids []string
			for k := range 1 + (i+n)%3 {
				ids = append(ids, fmt.Sprintf("%d/%d/%d/%d", os.Getpid(), i, n, k))
			}
			got, err := q.Take(ctx, Ask{}, ids)
			if err != nil {
				return err
			}
			for k, id := range got.Granted {
				switch (i + n + k) % 3 {
				case 0:
					spent++
					err = q.Settle(ctx, id, true)
				case 1:
					returned++
					err = q.Settle(ctx, id, false)
				default:
					kept++
				}
				if err != nil {
					return err
				}
			}
			if len(got.Granted) < len(ids) {
				fmt.Println(spent, returned, kept)
				return nil
			}
		}
	})
}

// leaseJob holds the lease in each of 64 goroutines, and notes in Redis if another
// does so too. It prints the fences.
func leaseJob(ctx context.Context, rdb *redis.Client, name string) error {
	return all(func(i int) error {
		l := NewLease(rdb, name, fmt.Sprintf("process %d goroutine %d", os.Getpid(), i), time.Minute)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for held := 0; held < holdings; <-tick.C {
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
	})
}

// victimTTL is how long what a killed process holds is kept for it.
const victimTTL = 500 * time.Millisecond

// permitsJob takes 7 permits, prints the server's µs from before that, and waits
// to be killed.
func permitsJob(ctx context.Context, rdb *redis.Client, name string) error {
	before := rdb.Time(ctx).Val()
	got, err := NewQuota(rdb, name, QuotaOptions{PermitTTL: victimTTL}).Take(ctx, Ask{}, []string{"1", "2", "3", "4", "5", "6", "7"})
	if err != nil || len(got.Granted) != 7 {
		return fmt.Errorf("took %+v: %w", got, err)
	}
	fmt.Println(before.UnixMicro())
	<-ctx.Done()
	return nil
}

// holdJob acquires the lease, says so, and waits to be killed.
func holdJob(ctx context.Context, rdb *redis.Client, name string) error {
	h, ok, err := NewLease(rdb, name, "victim", victimTTL).Acquire(ctx)
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

// fleet runs a job in several processes at once and returns the lines of numbers
// that they printed.
func fleet(t *testing.T, job, addr string) (lines [][]int64) {
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
		for text := range strings.Lines(outs[i].String()) {
			var line []int64
			for _, word := range strings.Fields(text) {
				n, err := strconv.ParseInt(word, 10, 64)
				if err != nil {
					t.Fatalf("process %d printed %q", i, text)
				}
				line = append(line, n)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// In no window of the server's time is more granted than the rule allows.
func TestThrottleProcesses(t *testing.T) {
	t.Parallel()
	grants := fleet(t, "throttle", redistest.Start(t).Addr())
	slices.SortFunc(grants, func(a, b []int64) int { return cmp.Compare(a[0], b[0]) })
	total := int64(0)
	for i := range grants {
		total += grants[i][2]
		sum, end := int64(0), int64(0)
		for _, g := range grants[i:] {
			sum, end = sum+g[2], max(end, g[1])
			if allowed := processRate.burst() + (end-grants[i][0])/processRate.interval(); sum > allowed {
				t.Fatalf("%d permits in %d µs, the rule allows %d", sum, end-grants[i][0], allowed)
			}
		}
	}
	if total < processes*processPermits {
		t.Errorf("%d permits in all, want at least %d", total, processes*processPermits)
	}
}

// What was granted was spent, returned, or is out, to the permit; and what is left
// can be had, to the permit.
func TestQuotaProcesses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	const rest = 1500
	q := NewQuota(srv.Client(t), "x", QuotaOptions{})
	if err := q.Refill(t.Context(), Reading{Rest: rest, Limit: rest}); err != nil {
		t.Fatal(err)
	}
	var spent, returned, kept int64
	for _, line := range fleet(t, "quota", srv.Addr()) {
		spent, returned, kept = spent+line[0], returned+line[1], kept+line[2]
	}
	s, err := q.State(t.Context())
	if err != nil || s.Spent != spent || s.Outstanding != kept || s.Rest != rest-spent {
		t.Errorf("%d spent, %d returned, %d kept of %d, but the pool says %+v, %v", spent, returned, kept, rest, s, err)
	}
	if spent == 0 || returned == 0 || kept == 0 || spent+kept > rest {
		t.Errorf("%d spent, %d returned, %d kept of %d", spent, returned, kept, rest)
	}
	left := make([]string, rest)
	for i := range left {
		left[i] = fmt.Sprint("left", i)
	}
	if got, err := q.Take(t.Context(), Ask{}, left); err != nil || int64(len(got.Granted)) != rest-spent-kept {
		t.Errorf("%d more to be had, want %d: %v", len(got.Granted), rest-spent-kept, err)
	}
}

// killed runs a job until it printed a number, and kills its process.
func killed(t *testing.T, job, addr string) (said int64) {
	t.Helper()
	cmd := command(t, job, addr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(out, &said); err != nil {
		t.Fatalf("the process said nothing: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("a killed process ended well")
	}
	return said
}

// patiently asks again until ok, for a minute.
func patiently(t *testing.T, what string, ok func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// A process that is killed with permits in hand gives them back, not before their
// time and all of them.
func TestQuotaOfKilledProcess(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	rdb := srv.Client(t)
	q := NewQuota(rdb, "x", QuotaOptions{PermitTTL: time.Hour})
	if err := q.Refill(t.Context(), Reading{Rest: 10, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	before := time.UnixMicro(killed(t, "permits", srv.Addr()))
	ids := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	patiently(t, "the dead process's permits come back", func(ctx context.Context) bool {
		got, err := q.Take(ctx, Ask{}, ids)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got.Granted); n > 3 && rdb.Time(ctx).Val().Before(before.Add(victimTTL)) {
			t.Fatalf("%d granted while the dead one's 7 of 10 were its own", n)
		} else if n > 10 {
			t.Fatalf("%d granted of 10", n)
		}
		return len(got.Granted) == 10
	})
	if s, err := q.State(t.Context()); err != nil || s.Outstanding != 10 || s.Spent != 0 {
		t.Errorf("in the end %+v, %v", s, err)
	}
}

func TestLeaseProcesses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	if got := len(fleet(t, "lease", srv.Addr())); got != holdings*goroutines*processes {
		t.Errorf("held %d times, want %d", got, holdings*goroutines*processes)
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

// A process that is killed with the lease in hand loses it automatically.
func TestLeaseOfKilledProcess(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	fence := killed(t, "hold", srv.Addr())
	heir := NewLease(srv.Client(t), "x", "heir", time.Minute)
	patiently(t, "the dead process's lease comes back", func(ctx context.Context) bool {
		h, ok, err := heir.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok && h.Fence <= fence {
			t.Errorf("fence %d after the dead one's %d", h.Fence, fence)
		}
		return ok
	})
}
