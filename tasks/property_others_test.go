package tasks

import (
	"errors"
	"slices"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Verdict is WeChat's, and may be pushed.
func (w *world) Verdict(t *rapid.T) {
	app := rapid.SampledFrom(worldApps()).Draw(t, "app")
	// The first is the likeliest.
	s := rapid.SampledFrom([]wxclient.AuditStatus{
		wxclient.AuditPassed, wxclient.AuditPassed, wxclient.AuditPassed, wxclient.AuditRejected, wxclient.AuditDelayed,
	}).Draw(t, "verdict")
	if !w.cloud.decide(app, s) {
		t.Skip("no audit")
	}
	w.outside()
	w.log("WeChat: %s's audit %d %s", app, w.cloud.apps[app].latest().ID, s)
	for _, id := range w.ids {
		w.edit(id, app, rollout.Woken{At: w.now(), Note: "callback"})
	}
}

// Reject has an audit rejected and, if that was the rollout's own, its target retried.
func (w *world) Reject(t *rapid.T) {
	app := rapid.SampledFrom(worldApps()).Draw(t, "app")
	if !w.cloud.decide(app, wxclient.AuditRejected) {
		t.Skip("no audit")
	}
	w.outside()
	w.log("WeChat: %s's audit %d rejected", app, w.cloud.apps[app].latest().ID)
	for _, id := range w.ids {
		w.edit(id, app, rollout.Woken{At: w.now(), Note: "callback"})
	}
	w.Round(t)
	for _, id := range w.ids {
		if w.target(id, app).State == rollout.StateRejected && w.edit(id, app, rollout.Retried{At: w.now()}) {
			w.log("operator: retry %s %s", id, app)
		}
	}
}

// undisturbed reports whether another tool may act on an app without a race that
// no process could win: none is between its look and its call, and no call of
// ours is still to be found out about.
func (w *world) undisturbed(app string) bool {
	if w.cloud.pending(app) || slices.ContainsFunc(w.live, func(p *process) bool { return p.assignment.AppID == app }) {
		return false
	}
	latest := w.cloud.apps[app].latest()
	for _, id := range w.ids {
		x := w.target(id, app)
		if x.Intent != nil {
			return false
		}
		plan, err := w.ledger.Plan(w.ctx, id, x.Revision)
		w.must(err)
		mine := latest != nil && latest.Desc == plan.Desc(id, x.Revision)
		if mine && latest.ID != x.AuditID && latest.ID != x.PastAuditID {
			return false
		}
	}
	return true
}

// Foreign is another tool, or the merchant at the console.
func (w *world) Foreign(t *rapid.T) {
	app := rapid.SampledFrom(worldApps()).Draw(t, "app")
	if !w.undisturbed(app) {
		t.Skip("it would race")
	}
	w.outside()
	do := rapid.SampledFrom([]string{"commits", "submits", "withdraws", "releases"}).Draw(t, "foreign")
	var err error
	switch do {
	case "commits":
		err = w.cloud.commit(app, wxclient.CommitRequest{Version: "7.0.0", Desc: "by hand"})
	case "submits":
		_ = w.cloud.commit(app, wxclient.CommitRequest{Version: "7.0.0", Desc: "by hand"})
		_, err = w.cloud.submit(app)
	case "withdraws":
		err = w.cloud.withdraw(app)
	case "releases":
		err = w.cloud.release(app)
	}
	if err != nil {
		t.Skip(err)
	}
	w.log("another system %s %s", do, app)
}

// edit is an operator's or a callback's event; one that doesn't apply is skipped.
func (w *world) edit(id, app string, e rollout.Event) bool {
	was := w.target(id, app)
	next, err := rollout.Step(was, e)
	if err != nil {
		return false
	}
	_, err = w.ledger.Save(w.ctx, was, next, rollout.SaveOptions{})
	return w.may(err)
}

// may allows the refusals that an operator meets.
func (w *world) may(err error) bool {
	if errors.As(err, new(*rollout.StaleError)) || errors.As(err, new(*rollout.HeldError)) || errors.As(err, new(*ledger.StatusError)) {
		return false
	}
	w.must(err)
	return true
}

// Operate is what operators do to rollouts and targets.
func (w *world) Operate(t *rapid.T) {
	id, app := pick(w, "rollout", w.ids), rapid.SampledFrom(worldApps()).Draw(t, "app")
	do := rapid.SampledFrom([]string{"retry", "retry", "undo", "undo", "pause", "resume", "resume", "recommit", "abort"}).Draw(t, "operator")
	did := false
	w.outside()
	switch do {
	case "pause":
		did = w.may(w.ledger.PauseBy(w.ctx, id, "op", "x"))
	case "resume":
		did = w.may(w.ledger.Resume(w.ctx, id, "op", "x"))
	case "abort":
		did = w.may(w.ledger.Abort(w.ctx, id, "op", "x"))
	case "undo":
		did = w.edit(id, app, rollout.Undo{At: w.now()})
	case "retry":
		did = w.edit(id, app, rollout.Retried{At: w.now()})
	case "recommit":
		plan, err := w.ledger.Plan(w.ctx, id, 0)
		w.must(err)
		revision, err := w.ledger.Revise(w.ctx, id, plan)
		if !w.may(err) {
			return
		}
		did = w.edit(id, app, rollout.Retried{At: w.now(), Recommit: true, Revision: revision})
	}
	if !did {
		t.Skip("refused")
	}
	w.log("operator: %s %s %s", do, id, app)
}

// Wake is a callback or an operator that wakes a parked target.
func (w *world) Wake(t *rapid.T) {
	var parked []rollout.Target
	for _, id := range w.ids {
		for _, app := range worldApps() {
			if x := w.target(id, app); x.State == rollout.StateParked {
				parked = append(parked, x)
			}
		}
	}
	x := pick(w, "parked target", parked)
	w.outside()
	w.edit(x.Rollout, x.AppID, rollout.Woken{At: w.now()})
	w.log("wake %s %s: %s", x.Rollout, x.AppID, place(x))
}

// Apply is one more rollout over the same apps.
func (w *world) Apply(t *rapid.T) {
	if len(w.ids) > 1 {
		t.Skip("there is one")
	}
	w.outside()
	w.apply("r2", "4.0.0")
	w.outside()
}

// Quota is a new month, or another tool's use of the platform's submissions.
func (w *world) Quota(t *rapid.T) {
	w.cloud.rest = rapid.Int64Range(0, 4).Draw(t, "rest")
	w.log("WeChat: %d submissions are left", w.cloud.rest)
}
