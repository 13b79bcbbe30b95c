package judgement

import (
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// apply brings in a rollout.
func (w *world) apply() {
	if len(w.applied) == 6 {
		return
	}
	a := &applied{id: fmt.Sprint("r", len(w.applied)+1), nth: len(w.applied), apps: w.subset()}
	a.plan = w.plan(a.id, len(a.apps))
	w.bring(a)
}

// upgrade brings in a rollout for everybody in two waves, the second of which an operator opens.
func (w *world) upgrade() {
	a := &applied{id: fmt.Sprint("r", len(w.applied)+1), nth: len(w.applied), apps: slices.Clone(w.apps)}
	a.plan = w.plan(a.id, len(a.apps))
	a.plan.Template.Version, a.plan.Quota.Pool, a.plan.AllowDowngrade = "2.0.0", poolBulk, false
	a.plan.Quota.Reserve = map[string]int64{poolHotfix: int64(w.between(1, 5))}
	a.plan.Waves = []rollout.Wave{{Name: "canary", Size: 3, Approve: true}, {Name: "rest", Size: len(a.apps) - 3}}
	w.bring(a)
}

// hotfix brings in a rollout of a newer version for some.
func (w *world) hotfix() {
	a := &applied{id: fmt.Sprint("r", len(w.applied)+1), nth: len(w.applied), apps: w.subset()}
	a.plan = w.plan(a.id, len(a.apps))
	a.plan.Template.Version, a.plan.Quota.Pool = "3.0.0", poolHotfix
	a.plan.Waves = []rollout.Wave{{Name: "all", Size: len(a.apps)}}
	w.bring(a)
}

// bring stores a rollout.
func (w *world) bring(a *applied) {
	a.priority = precedence(a.plan)
	stored := a.plan
	if w.mutant.plan != nil {
		w.mutant.plan(&stored)
	}
	w.move(time.Second) // no two are created at once
	_, err := w.ledger.Create(w.ctx, ledger.NewRollout{ID: a.id, Plan: stored, Digest: a.id})
	w.must(err)
	targets, n, wave := []rollout.Target{}, 0, 0
	for _, app := range a.apps {
		if n == a.plan.Waves[wave].Size {
			wave, n = wave+1, 0
		}
		targets = append(targets, rollout.Target{AppID: app, Rank: rollout.Rank(wave, n), Attempt: 1})
		n++
	}
	_, err = w.ledger.Add(w.ctx, a.id, targets)
	w.must(err)
	w.applied = append(w.applied, a)
	w.byID[a.id] = a
	w.must(w.ledger.Seal(w.ctx, a.id, len(targets), false, "test", ""))
	w.log("apply %s: version %s, priority %d, quota %+v, on_conflict %q, downgrade %v, waves %+v, apps %v",
		a.id, a.plan.Template.Version, a.priority, a.plan.Quota, a.plan.OnConflict, a.plan.AllowDowngrade, a.plan.Waves, a.apps)
}

// subset draws some apps, in any order.
func (w *world) subset() []string {
	apps := slices.Clone(w.apps)
	for i := range apps {
		j := w.between(i, len(apps)-1)
		apps[i], apps[j] = apps[j], apps[i]
	}
	return apps[:w.between(2, 8)]
}

// plan draws a plan for n targets.
func (w *world) plan(name string, n int) rollout.Plan {
	p := rollout.Plan{
		Name: name, Template: rollout.Template{ID: 1, Version: pick(w, []string{"2.0.0", "2.1.0", "3.0.0", "3.1.0"})},
		Audit:   rollout.AuditPolicy{InAudit: rollout.InAuditWait, Items: []rollout.AuditItem{{FirstClass: "A", FirstID: 1}}},
		Waves:   []rollout.Wave{{Name: "all", Size: n}},
		Release: rollout.ReleasePolicy{When: rollout.ReleaseApproved},
	}
	if w.oneIn(2) {
		first := rollout.Wave{Name: "canary", Size: w.between(1, n-1)}
		switch w.draw.Below(3) {
		case 0:
			first.RejectAbove = 0.5
		case 1:
			first.Approve = true
		case 2:
			first.Sequential = first.Size%2 == 1
		}
		p.Waves = []rollout.Wave{first, {Name: "rest", Size: n - first.Size}}
	}
	pool := pick(w, []string{poolBulk, poolBulk, poolHotfix, poolWeekly})
	p.Quota = w.bounds[pool]
	p.Quota.Pool = pool
	if !w.oneIn(3) {
		p.Quota.Reserve = map[string]int64{pick(w, []string{poolHotfix, poolHotfix, poolWeekly}): int64(w.between(1, 5))}
	}
	if w.oneIn(4) {
		setPriority(&p, w.between(1, 200))
	}
	p.OnConflict = pick(w, []rollout.OnConflict{"", rollout.OnConflictWait, rollout.OnConflictSupersede, rollout.OnConflictSkip})
	p.AllowDowngrade = w.oneIn(6)
	return p
}
