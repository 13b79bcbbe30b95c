package classify

import (
	"time"
)

// Waits are the waits of outcomes. The zero value stands for the defaults, which suit WeChat; a
// simulator with short delays needs shorter ones.
type Waits struct {
	// Busy spaces busy replies; after BusyTries in a row at a stage the target is parked for
	// BusyPark. Defaults 2 s..60 s, 6, 5 min.
	Busy      Backoff
	BusyTries int
	BusyPark  time.Duration
	// OutageProbe spaces the probes of a stage at which WeChat answers no app. Default 15 s.
	OutageProbe time.Duration
	// Settle is how long after a lost reply a read-back that finds nothing is believed. WeChat
	// advises one minute. Default 65 s.
	Settle time.Duration
	// Privacy and PrivacyMax space the polls of the privacy detection. Defaults 60 s, 10 min.
	Privacy, PrivacyMax time.Duration
	// Verdict and VerdictMax space the polls of an audit. Defaults 2 min, 30 min.
	Verdict, VerdictMax time.Duration
	// InAudit spaces the reads of another version's audit. Default 30 min.
	InAudit time.Duration
	// Throttle is the wait of one throttled app without a separate rule. Default 10 min.
	Throttle time.Duration
	// Overlap is the wait after a read that WeChat refused because an earlier operation on the app
	// still runs (9402202, 9402205). A write that is refused so is read back after Settle. Default 5 s.
	Overlap time.Duration
	// Merchant spaces the reads of an app that waits for its merchant. Default 6 h.
	Merchant time.Duration
}

// WithDefaults fills the zero fields.
func (w Waits) WithDefaults() Waits {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&w.Busy.Base, 2*time.Second)
	def(&w.Busy.Cap, time.Minute)
	def(&w.BusyPark, 5*time.Minute)
	def(&w.OutageProbe, 15*time.Second)
	def(&w.Settle, 65*time.Second)
	def(&w.Privacy, time.Minute)
	def(&w.PrivacyMax, 10*time.Minute)
	def(&w.Verdict, 2*time.Minute)
	def(&w.VerdictMax, 30*time.Minute)
	def(&w.InAudit, 30*time.Minute)
	def(&w.Throttle, 10*time.Minute)
	def(&w.Overlap, 5*time.Second)
	def(&w.Merchant, 6*time.Hour)
	if w.BusyTries <= 0 {
		w.BusyTries = 6
	}
	return w
}

// Backoff spaces the retries of busy replies: capped exponential with full jitter, so that targets
// that failed together do not return together.
type Backoff struct {
	// Base is the mean of the first delay, Cap the largest delay.
	Base, Cap time.Duration
}

// longest is the exclusive bound of the n-th delay (from 0): min(Cap, 2*Base*2^n), at least 1 ns.
func (b Backoff) longest(n int) time.Duration {
	top := b.Cap
	if shifted := 2 * b.Base << min(n, 20); shifted > 0 && shifted < top {
		top = shifted
	}
	return max(top, 1)
}

// BackingOff is the n-th wait of a poll: first, growing by half each time, at most largest.
func BackingOff(first, largest time.Duration, n int) time.Duration {
	d := first
	for range min(n, 32) {
		if d += d / 2; d >= largest {
			return largest
		}
	}
	return min(d, largest)
}

// growLimit bounds a wait that grows with each try.
const growLimit = time.Hour

// tripled is first, three times as long for each of n tries.
func tripled(first time.Duration, n int) time.Duration {
	d := first
	for range n {
		if d *= 3; d >= growLimit {
			return max(first, growLimit)
		}
	}
	return d
}

// wholeSeconds rounds up to at least one whole second: Asynq truncates fractions.
func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

// fifth is the exclusive bound of the jitter of a long wait, against herds.
func fifth(d time.Duration) time.Duration { return d/5 + 1 }

// resetSpread is the jitter of apps that wait for the same reset.
const resetSpread = 10 * time.Minute

// beijing is WeChat's zone: its daily limits begin again at 00:00 (documented for withdrawals),
// those of a month presumably on the first.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// untilTomorrow is how long a limit of the day lasts.
func untilTomorrow(now time.Time) time.Duration {
	y, m, d := now.In(beijing).Date()
	return wholeSeconds(time.Date(y, m, d+1, 0, 0, 0, 0, beijing).Sub(now))
}

// untilNextMonth is how long a limit of the month lasts.
func untilNextMonth(now time.Time) time.Duration {
	y, m, _ := now.In(beijing).Date()
	return wholeSeconds(time.Date(y, m+1, 1, 0, 0, 0, 0, beijing).Sub(now))
}
