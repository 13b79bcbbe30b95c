package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bounds of the label rollout: a worker's series stay few after any history. What is beyond
// them is summed as [Other].
const (
	// MaxRollouts is how many unfinished rollouts carry their id as a label: the newest ones.
	MaxRollouts = 20
	// FinishedFor is how long a finished rollout keeps its series.
	FinishedFor = 24 * time.Hour
	// MaxFinished is how many finished rollouts carry their id as a label: the last to end.
	MaxFinished = 20
)

// Rollout is one rollout that carries its id as a label. A zero time is not exported.
type Rollout struct {
	// ID, Name, Template and Version are labels of wxrollout_rollout_info.
	ID, Name, Template, Version string
	// Status is one of [Labels].Statuses.
	Status string
	// Created, Started and Ended are its times; Started is zero until it runs, Ended until it is finished.
	Created, Started, Ended time.Time
	// Reserved is what its plan reserves of the quota for other pools, in units.
	Reserved int64
	// Waves are in order.
	Waves []Wave
}

// Wave is a wave of a rollout.
type Wave struct {
	// Name is the value of the label wave.
	Name string
	// At counts targets by place, Parked the parked ones by reason. What they lack is not exported.
	At     map[Place]int
	Parked map[string]int
	// Gate is the gate after the wave; nil if nothing holds the next one back.
	Gate *Gate
}

// Gate is a gate in numbers.
type Gate struct {
	// Decision is hold, pass, fail or trip.
	Decision string
	// Limit is the share of bad targets that it allows, 0 to 1; 0 means that it does not count them.
	Limit float64
	// Judged targets have a verdict, Bad ones were rejected or failed; Needed is how many must be
	// judged before the share counts.
	Judged, Bad, Needed int
}

// Rollouts are the rollouts of a scrape.
type Rollouts struct {
	// Shown carry their id as a label.
	Shown []Rollout
	// Others counts the targets of the unfinished rollouts that don't, by place.
	Others map[Place]int
}

// rolloutDescs are the gauges of a rollout.
type rolloutDescs struct {
	info, status, created, started, ended, reserved, targets, parked *prometheus.Desc
	decision, limit, judged, bad, needed                             *prometheus.Desc
}

// rolloutsPart reads each rollout.
func rolloutsPart(src Source, labels Labels) *part {
	p := &part{}
	d := rolloutDescs{
		info: p.gauge("wxrollout_rollout_info",
			"The newest 20 unfinished rollouts and those that ended within 24 h; always 1.", "rollout", "name", "template", "version"),
		status:   p.gauge("wxrollout_rollout_status", "1 for the rollout's present status.", "rollout", "status"),
		created:  p.gauge("wxrollout_rollout_created_timestamp_seconds", "When the rollout was applied.", "rollout"),
		started:  p.gauge("wxrollout_rollout_started_timestamp_seconds", "When the rollout began to run; absent before.", "rollout"),
		ended:    p.gauge("wxrollout_rollout_ended_timestamp_seconds", "When the rollout ended; absent before.", "rollout"),
		reserved: p.gauge("wxrollout_rollout_quota_reserved", "Submissions that the rollout's plan reserves for other pools.", "rollout"),
		targets: p.gauge("wxrollout_rollout_targets",
			"Targets of a rollout by wave, stage and state; rollout other sums up the unfinished rollouts that are not shown.", "rollout", "wave", "stage", "state"),
		parked:   p.gauge("wxrollout_rollout_targets_parked", "Parked targets of a rollout by what they wait for.", "rollout", "wave", "reason"),
		decision: p.gauge("wxrollout_rollout_gate", "1 for the present decision of the gate after the wave.", "rollout", "wave", "decision"),
		limit: p.gauge("wxrollout_rollout_gate_limit_ratio",
			"Share of rejected and failed targets that the gate after the wave allows; absent if it counts none.", "rollout", "wave"),
		judged: p.gauge("wxrollout_rollout_gate_judged", "Targets of the wave that the gate after it has a verdict on.", "rollout", "wave"),
		bad:    p.gauge("wxrollout_rollout_gate_bad", "Judged targets of the wave that were rejected or failed.", "rollout", "wave"),
		needed: p.gauge("wxrollout_rollout_gate_needed", "Targets of the wave that must be judged before the share counts.", "rollout", "wave"),
	}
	p.read = func(ctx context.Context, out emit) error {
		r, err := src.Rollouts(ctx)
		if err != nil {
			return err
		}
		for _, x := range r.Shown {
			d.rollout(out, labels, x)
		}
		for at, n := range fold(labels, r.Others) {
			out(d.targets, float64(n), Other, Other, at.Stage, at.State)
		}
		return nil
	}
	return p
}

// rollout emits one rollout.
func (d rolloutDescs) rollout(out emit, labels Labels, r Rollout) {
	out(d.info, 1, r.ID, r.Name, r.Template, r.Version)
	for _, s := range labels.Statuses {
		out(d.status, flag(s == r.Status), r.ID, s)
	}
	for desc, at := range map[*prometheus.Desc]time.Time{d.created: r.Created, d.started: r.Started, d.ended: r.Ended} {
		if !at.IsZero() {
			out(desc, seconds(at), r.ID)
		}
	}
	out(d.reserved, float64(r.Reserved), r.ID)
	for _, w := range r.Waves {
		for at, n := range fold(labels, w.At) {
			out(d.targets, float64(n), r.ID, w.Name, at.Stage, at.State)
		}
		parked := make(map[string]int)
		for reason, n := range w.Parked {
			parked[labels.ParkReasons.of(reason)] += n
		}
		for reason, n := range parked {
			out(d.parked, float64(n), r.ID, w.Name, reason)
		}
		if w.Gate != nil {
			d.gate(out, labels, *w.Gate, r.ID, w.Name)
		}
	}
}

// gate emits the gate after a wave.
func (d rolloutDescs) gate(out emit, labels Labels, g Gate, id, wave string) {
	for _, v := range labels.Decisions {
		out(d.decision, flag(v == g.Decision), id, wave, v)
	}
	if g.Limit > 0 {
		out(d.limit, g.Limit, id, wave)
	}
	out(d.judged, float64(g.Judged), id, wave)
	out(d.bad, float64(g.Bad), id, wave)
	out(d.needed, float64(g.Needed), id, wave)
}

// fold maps places outside of the closed sets to Other.
func fold(labels Labels, at map[Place]int) map[Place]int {
	out := make(map[Place]int, len(at))
	for p, n := range at {
		out[Place{labels.Stages.of(p.Stage), labels.States.of(p.State)}] += n
	}
	return out
}
