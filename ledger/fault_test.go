package ledger_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// refused is a fault that an app met.
func refused(code int64, confirm bool) ledger.PlatformFault {
	return ledger.PlatformFault{
		Code: code, Text: "wechat refuses", Endpoint: "/cgi-bin/component/api_component_token", IP: "203.0.113.9", RID: "rid-1", Confirm: confirm,
	}
}

func (b *bench) met(f ledger.PlatformFault, app string, want rollout.FaultReport) {
	b.Helper()
	if news, err := b.NotePlatformFault(b.Context(), f, app); err != nil || news != want {
		b.Errorf("fault %d of %s: %s, %v; want %s", f.Code, app, news, err, want)
	}
}

func (b *bench) fault() *ledger.PlatformFault {
	b.Helper()
	f, err := b.PlatformFault(b.Context())
	b.must(err)
	return f
}

func (b *bench) probes(f ledger.PlatformFault, want bool) {
	b.Helper()
	if due, err := b.BeginProbe(b.Context(), f); err != nil || due != want {
		b.Errorf("probe of a fault since %s: %t, %v; want %t", f.Since, due, err, want)
	}
}

func (b *bench) clears(f ledger.PlatformFault, want bool, alone ...string) {
	b.Helper()
	if ok, err := b.ClearPlatformFault(b.Context(), f, alone...); err != nil || ok != want {
		b.Errorf("clear a fault since %s: %t, %v; want %t", f.Since, ok, err, want)
	}
}

// A clock that steps back makes no probe wait longer than it was set for, before the first and after.
func TestPlatformFaultProbeAfterAClockStep(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.met(refused(61004, false), "wx001", rollout.FaultBegan)
		f := *b.fault()
		b.probes(f, false)
		b.advance(-8 * time.Hour)
		b.probes(f, true)
		b.probes(f, false)
		b.advance(-8 * time.Hour)
		b.probes(f, true)
		b.probes(f, false)
		b.advance(time.Hour)
		b.probes(f, true)
	})
}

// The first report begins a fault, later ones only say that it lasts; no assignment is given meanwhile.
func TestPlatformFaultStopsAssignments(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 4)
		_, was := b.begin("r1", rollout.StagePreflight, "wx000")
		b.step(was, rollout.Yielded{At: at})
		if b.fault() != nil {
			b.Fatal("a fault stands before any was met")
		}
		given, err := b.Claim(b.Context(), rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(99, 0), N: 1, Only: []string{"wx001"}, Lease: lease})
		b.must(err)

		b.met(refused(61004, false), "wx000", rollout.FaultBegan)
		first := b.fault()
		b.advance(time.Second / 2)
		b.met(refused(61004, false), "wx001", rollout.FaultStands)
		b.met(refused(61004, false), "wx001", rollout.FaultStands)
		f := b.fault()
		if !f.Since.Equal(first.Since) || f.LastSeen.Sub(f.Since) != time.Second/2 || !slices.Equal(f.Apps, []string{"wx000", "wx001"}) ||
			f.Code != 61004 || f.Text != "wechat refuses" || f.IP != "203.0.113.9" || f.RID != "rid-1" || f.Confirm || f.ProbeAt.Sub(f.Since) != time.Second {
			b.Errorf("fault %+v after %+v", f, first)
		}
		assignments, err := b.Claim(b.Context(), rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(99, 0), N: 9, Lease: lease})
		if !errors.As(err, new(*rollout.PlatformFaultError)) || len(assignments) > 0 {
			b.Errorf("a claim gives %v, %v", assignments, err)
		}
		started, err := b.Start(b.Context(), given[0], lease)
		if err != nil || !started.Fault {
			b.Errorf("an assignment given before starts as %+v, %v; want it to report the fault", started, err)
		}
		b.step(started.Target, rollout.Yielded{At: at})

		b.probes(*f, false)
		b.advance(time.Second / 2)
		b.probes(*f, true)
		b.probes(*f, false) // one leader at a time
		b.clears(*f, true)
		b.clears(*f, false)
		b.begin("r1", rollout.StagePreflight, "wx002")
		b.sound("r1")
	})
}

// What a probe found out about one fault says nothing of the next one.
func TestPlatformFaultClearingCompares(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.met(refused(61004, false), "wx000", rollout.FaultBegan)
		old := *b.fault()
		b.clears(old, true)
		b.advance(time.Millisecond)
		b.met(refused(40125, false), "wx000", rollout.FaultBegan)
		b.probes(old, false)
		b.clears(old, false)
		if f := b.fault(); f == nil || f.Code != 40125 {
			b.Errorf("fault %+v, want the newer one", f)
		}
	})
}

// Probes of one fault, and the first probes of one that comes back, are spaced further and further,
// and never more than a minute.
func TestPlatformFaultBackoff(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		var waits []time.Duration
		for range 9 {
			b.met(refused(61004, false), "wx000", rollout.FaultBegan)
			f := *b.fault()
			waits = append(waits, f.ProbeAt.Sub(f.Since))
			b.advance(waits[len(waits)-1])
			b.probes(f, true)
			b.clears(f, true)
			b.advance(time.Second)
		}
		if want := []float64{1, 2, 4, 8, 16, 32, 60, 60, 60}; !slices.EqualFunc(waits, want, func(a time.Duration, b float64) bool { return a.Seconds() == b }) {
			b.Errorf("first probes after %v, want %v s", waits, want)
		}
		b.advance(11 * time.Minute)
		b.met(refused(61004, false), "wx000", rollout.FaultBegan)
		if f := b.fault(); f.ProbeAt.Sub(f.Since) != time.Second {
			b.Errorf("another fault is probed after %s", f.ProbeAt.Sub(f.Since))
		}
		for n := range 12 {
			f := *b.fault()
			b.advance(f.ProbeAt.Sub(f.Since))
			b.probes(f, true)
			if wait := ledger.FaultProbeWait(n); wait < time.Second || wait > time.Minute || f.Probes != n {
				b.Errorf("probe %d (%d) waits %s", n, f.Probes, wait)
			}
			b.advance(time.Minute)
		}
	})
}

// An app that fails where another works is alone with it, for an hour and with such codes only.
func TestPlatformFaultAlone(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.met(refused(40013, true), "wx000", rollout.FaultBegan)
		b.met(refused(40013, true), "wx001", rollout.FaultStands)
		f := *b.fault()
		if !f.Confirm {
			b.Error("the fault needs no confirmation")
		}
		b.clears(f, true, "wx000")
		b.met(refused(40013, true), "wx000", rollout.FaultAlone)
		if b.fault() != nil {
			b.Error("an app alone began a fault of the platform")
		}
		b.advance(time.Millisecond)
		b.met(refused(40013, true), "wx001", rollout.FaultBegan)
		b.met(refused(61004, false), "wx000", rollout.FaultStands)
		if f := b.fault(); f.Code != 61004 || f.Confirm {
			b.Errorf("fault %+v, want the cause that needs no confirmation", f)
		}
		b.clears(*b.fault(), true)
		b.advance(time.Hour)
		b.met(refused(40013, true), "wx000", rollout.FaultBegan)
	})
}
