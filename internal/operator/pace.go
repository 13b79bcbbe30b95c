package operator

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// paceWindow is how far back the rate looks; paceMin how long it must look to say
// anything of the present.
const (
	paceWindow = 5 * time.Minute
	paceMin    = 10 * time.Second
)

// pace is how fast a rollout's targets end.
type pace struct{ samples []sample }

type sample struct {
	at   time.Time
	done int
}

// see remembers how many targets had ended at a time. Fewer than before means
// that targets were retried: what was seen before does not predict what is left.
func (p *pace) see(at time.Time, done int) {
	if n := len(p.samples); n > 0 && done < p.samples[n-1].done {
		p.samples = nil
	}
	p.samples = append(p.samples, sample{at, done})
	old := 0
	for old+1 < len(p.samples) && at.Sub(p.samples[old+1].at) >= paceWindow {
		old++
	}
	p.samples = p.samples[old:]
}

// perMinute is how many targets ended per minute: lately, or on the average since
// the start as long as lately is too short.
func (p *pace) perMinute(started time.Time) (rate float64, known bool) {
	if len(p.samples) == 0 {
		return 0, false
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	if span := last.at.Sub(first.at); span >= paceMin {
		return float64(last.done-first.done) / span.Minutes(), true
	}
	if span := last.at.Sub(started); !started.IsZero() && span >= paceMin {
		return float64(last.done) / span.Minutes(), true
	}
	return 0, false
}

// Estimate is when a rollout will have ended.
type Estimate struct {
	// Left is how long it takes from now on, if Unknown is "".
	Left time.Duration
	// Unknown says why there is no estimate.
	Unknown string
}

// MarshalJSON writes left_seconds, null if unknown, and unknown.
func (e Estimate) MarshalJSON() ([]byte, error) {
	out := struct {
		Left    *int64 `json:"left_seconds"`
		Unknown string `json:"unknown,omitempty"`
	}{Unknown: e.Unknown}
	if e.Unknown == "" {
		seconds := int64(e.Left / time.Second)
		out.Left = &seconds
	}
	return json.Marshal(out)
}

// estimate extrapolates the rate; it reports that it can't where the end depends on
// something else.
func estimate(r rollout.Rollout, s view.Summary, submit quota.Pool, rate float64, known bool, now time.Time) Estimate {
	left := r.Counts.Unfinished()
	want := int64(r.Counts.Unsubmitted())
	approval := approvalAhead(r)
	people := s.Parked[rollout.ReasonMerchant] + s.Parked[rollout.ReasonUnlisted] + s.Parked[rollout.ReasonApproval]
	switch {
	case left == 0:
		return Estimate{}
	case s.Blocked != "":
		return Estimate{Unknown: s.Blocked}
	case r.Status != rollout.StatusRunning:
		return Estimate{Unknown: "the rollout is " + string(r.Status)}
	case want > 0 && !submit.Open():
		return Estimate{Unknown: "submissions are closed: " + submit.Words}
	case want > 0 && submit.Known && submit.Rest < want:
		return Estimate{Unknown: fmt.Sprintf("%d targets want a submission, %d are left", want, submit.Rest)}
	case people == left:
		return Estimate{Unknown: "every target left waits for a person"}
	case r.Plan.Release.When == rollout.ReleaseManual && !r.ReleaseApproved:
		return Estimate{Unknown: "releases wait for an approval: enqueue approve " + r.ID}
	case approval != "":
		return Estimate{Unknown: "wave " + approval + " ends with an approval: enqueue promote " + r.ID}
	case r.Plan.Release.Window != nil && r.Plan.Release.Window.Opens(now) > 0:
		return Estimate{Unknown: fmt.Sprintf("releases wait for the window %s, which opens in %s", r.Plan.Release.Window, human.Duration(r.Plan.Release.Window.Opens(now)))}
	case !known:
		return Estimate{Unknown: "not enough seen yet"}
	case rate <= 0:
		return Estimate{Unknown: fmt.Sprintf("nothing ended in the last %s", paceWindow)}
	default:
		gray := time.Duration(max(0, len(r.Plan.Release.Gray)-1)) * r.Plan.Release.Every
		return Estimate{Left: gray + time.Duration(float64(left)/rate*float64(time.Minute)).Round(time.Second)}
	}
}

// approvalAhead is the first wave that is not promoted and after which an operator must open the
// next one; "" if there is none.
func approvalAhead(r rollout.Rollout) string {
	for i, w := range r.Plan.Waves[:max(0, len(r.Plan.Waves)-1)] {
		if w.Approve && i >= r.OpenWave {
			return w.Name
		}
	}
	return ""
}
