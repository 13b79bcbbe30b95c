package planfile

import (
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Bounds of a deadline: shorter than a poll it would fail what only takes its time, and longer than
// a year it bounds nothing.
const (
	deadlineMin = 10 * time.Minute
	deadlineMax = 365 * 24 * time.Hour
)

// readDeadline reads the section deadline, which may be absent: stages and their longest waits.
func readDeadline(top *object) (d rollout.Deadlines) {
	o := top.object("deadline")
	if o == nil {
		return d
	}
	for _, key := range []struct {
		name string
		at   *time.Duration
	}{
		{"commit", &d.Commit}, {"check", &d.Check}, {"submit", &d.Submit}, {"verdict", &d.Verdict},
		{"release", &d.Release}, {"merchant", &d.Merchant}, {"gate", &d.Gate},
	} {
		if !o.has(key.name) {
			continue
		}
		text := o.text(key.name)
		limit, err := time.ParseDuration(text)
		if err != nil || limit < deadlineMin || limit > deadlineMax {
			o.fault(key.name, text, "want a duration from 10m to 8760h, such as 504h")
			continue
		}
		*key.at = limit
	}
	o.done()
	return d
}
