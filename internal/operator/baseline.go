package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// BaselinePool is the quota pool of a baseline whose plan names none.
const BaselinePool = "baseline"

const (
	// DefaultGather is how often newcomers are gathered into a rollout.
	DefaultGather = 10 * time.Minute
	// gatherMost is how many newcomers one rollout takes.
	gatherMost = 1000
)

// BaselineOptions say how a baseline is to stand.
type BaselineOptions struct {
	// Since is from when on an app that authorized is a newcomer; zero is now.
	Since time.Time
	// Every is how often newcomers are gathered; 0 is DefaultGather.
	Every time.Duration
	// Reserve is how many submissions other pools leave to the baseline's.
	Reserve int64
	// Why is the operator's reason.
	Why string
}

// baselineDef is what a baseline gives, as it is kept.
type baselineDef struct {
	Recipe  string        `json:"recipe"`
	Every   time.Duration `json:"every"`
	Reserve int64         `json:"reserve,omitempty"`
}

// openBatch is what a gathered batch is handed on by.
type openBatch struct {
	ID   string       `json:"id"`
	Plan rollout.Plan `json:"plan"`
}

// Baseline is what stands for newcomers, as operators see it.
type Baseline struct {
	// Set is when it was set; zero means that none stands.
	Set     time.Time     `json:"set,omitzero"`
	By      string        `json:"by,omitempty"`
	Why     string        `json:"why,omitempty"`
	Since   time.Time     `json:"since,omitzero"`
	Every   time.Duration `json:"-"`
	Gathers string        `json:"every,omitempty"`
	Paused  bool          `json:"paused,omitempty"`
	// Name is the plan's, Template what newcomers get; LatestTemplate as its id is the
	// newest of each time.
	Name     string           `json:"name,omitempty"`
	Template rollout.Template `json:"template,omitzero"`
	Select   string           `json:"select,omitempty"`
	Pool     string           `json:"pool,omitempty"`
	Reserve  int64            `json:"reserve,omitempty"`
	// Waiting newcomers are in no rollout yet; Held of them can't be taken, because the
	// selector leaves them out or the ext template lacks a value.
	Waiting int `json:"waiting"`
	Held    int `json:"held"`
	// Taken apps went into rollouts, Last is the newest of those, Handing one that is
	// being written.
	Taken   int    `json:"taken"`
	Last    string `json:"last,omitempty"`
	Handing string `json:"handing,omitempty"`

	handing *openBatch
}

// ErrNoBaseline says that no baseline stands.
var ErrNoBaseline = errors.New("no baseline stands: enqueue baseline set -f PLAN makes one")

// checkBaseline refuses plans that can't stand for newcomers, all faults at once.
func checkBaseline(file *planfile.File) error {
	var faults planfile.Faults
	fault := func(bad bool, key, msg string) {
		if bad {
			faults = append(faults, planfile.Fault{File: file.Path, Key: key, Msg: msg})
		}
	}
	fault(!file.Targets.Registry(), "targets", "a baseline is for apps that are yet to come: want all: true, or select: tier!=test")
	fault(len(file.Waves) > 1 || len(file.Waves) == 1 && (file.Waves[0].Approve || !file.Waves[0].Size.Rest()), "waves", "newcomers come one by one: a baseline has no waves")
	fault(file.Schedule != "", "schedule", "a baseline stands until it is cleared, and gathers by itself: it has no schedule")
	fault(!file.Start.IsZero(), "start", "a baseline stands from when it is set on: it has no start")
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// SetBaseline lets a plan stand for every app that authorizes the platform from now on.
// It changes nothing when the plan has faults (planfile.Faults), and with dryRun.
func (o *Operator) SetBaseline(ctx context.Context, file *planfile.File, opt BaselineOptions, dryRun bool) (Baseline, error) {
	if err := checkBaseline(file); err != nil {
		return Baseline{}, err
	}
	if _, _, err := o.library.Find(ctx, file.Template, false); err != nil {
		return Baseline{}, err
	}
	if opt.Every == 0 {
		opt.Every = DefaultGather
	}
	if opt.Since.IsZero() {
		opt.Since = o.now()
	}
	def, err := json.Marshal(baselineDef{Recipe: file.Recipe(), Every: opt.Every, Reserve: opt.Reserve})
	if err != nil {
		return Baseline{}, err
	}
	b := apps.Baseline{Def: string(def), Since: apps.At(opt.Since), Set: apps.At(o.now()), By: o.by, Why: opt.Why}
	if dryRun {
		return o.viewBaseline(ctx, b)
	}
	if err := o.apps.SetBaseline(ctx, b); err != nil {
		return Baseline{}, err
	}
	if err := o.keepReserve(ctx, b); err != nil {
		return Baseline{}, err
	}
	return o.Baseline(ctx)
}

// Baseline tells what stands and how far it is. Without one, Set is zero.
func (o *Operator) Baseline(ctx context.Context) (Baseline, error) {
	b, err := o.apps.Baseline(ctx)
	if err != nil {
		return Baseline{}, err
	}
	return o.viewBaseline(ctx, b)
}

// BaselineTemplates returns the templates of the baseline and of its open batch.
func (o *Operator) BaselineTemplates(ctx context.Context) ([]rollout.Template, error) {
	b, err := o.Baseline(ctx)
	var list []rollout.Template
	if !b.Set.IsZero() {
		list = append(list, b.Template)
	}
	if b.handing != nil {
		list = append(list, b.handing.Plan.Template)
	}
	return list, err
}

func (o *Operator) viewBaseline(ctx context.Context, b apps.Baseline) (Baseline, error) {
	v := Baseline{Taken: b.Taken, Last: b.Last}
	if b.Open != "" {
		var open openBatch
		if err := json.Unmarshal([]byte(b.Open), &open); err != nil {
			return v, fmt.Errorf("read the baseline's batch: %w", err)
		}
		v.Handing, v.handing = open.ID, &open
	}
	if b.Def == "" {
		return v, nil
	}
	def, file, err := readBaseline(b.Def)
	if err != nil {
		return v, err
	}
	v.Set, v.By, v.Why, v.Since, v.Paused = b.Set.Time(), b.By, b.Why, b.Since.Time(), b.Paused
	v.Every, v.Gathers, v.Reserve = def.Every, def.Every.String(), def.Reserve
	v.Name, v.Template, v.Select, v.Pool = file.Name, file.Template.Pinned(), file.Targets.Select.String(), baselinePool(file)
	if file.Template.Latest {
		v.Template.ID = LatestTemplate
	}
	fit, held, err := o.newcomers(ctx, b, file, math.MaxInt)
	v.Waiting, v.Held = len(fit)+held, held
	return v, err
}

// readBaseline reads a definition.
func readBaseline(text string) (baselineDef, *planfile.File, error) {
	var def baselineDef
	if err := json.Unmarshal([]byte(text), &def); err != nil {
		return def, nil, fmt.Errorf("read the baseline: %w", err)
	}
	file, err := planfile.FromRecipe(def.Recipe)
	return def, file, err
}

func baselinePool(file *planfile.File) string {
	if file.Quota.Pool == "" {
		return BaselinePool
	}
	return file.Quota.Pool
}

// PauseBaseline keeps the baseline from gathering, or lets it go on. Newcomers wait.
func (o *Operator) PauseBaseline(ctx context.Context, pause bool, why string) (Baseline, error) {
	b, err := o.apps.Baseline(ctx)
	switch {
	case err != nil:
		return Baseline{}, err
	case b.Def == "":
		return Baseline{}, ErrNoBaseline
	}
	b.Paused, b.By = pause, o.by
	if why != "" {
		b.Why = why
	}
	if err := o.apps.SetBaseline(ctx, b); err != nil {
		return Baseline{}, err
	}
	return o.Baseline(ctx)
}

// ClearBaseline takes the baseline away. Rollouts that it made go on.
func (o *Operator) ClearBaseline(ctx context.Context) error {
	b, err := o.apps.Baseline(ctx)
	switch {
	case err != nil:
		return err
	case b.Def == "":
		return ErrNoBaseline
	}
	if err := o.apps.ClearBaseline(ctx); err != nil {
		return err
	}
	return o.keepReserve(ctx, apps.Baseline{})
}

// newcomers are the apps that the baseline may take now, the first to come first, and
// how many of those looked at it can't take. It looks no further once it has most.
func (o *Operator) newcomers(ctx context.Context, b apps.Baseline, file *planfile.File, most int) (fit []string, held int, err error) {
	for offset := 0; len(fit) < most; offset += apps.Batch {
		ids, err := o.apps.Newcomers(ctx, b.Since, offset, apps.Batch)
		if err != nil {
			return nil, 0, err
		}
		for a, err := range o.apps.Some(ctx, ids) {
			if err != nil {
				return nil, 0, err
			}
			if !file.Targets.Select.Match(a.Get) || !renders(file, a) {
				held++
				continue
			}
			fit = append(fit, a.AppID)
		}
		if len(ids) < apps.Batch {
			break
		}
	}
	return fit, held, nil
}

// renders tells whether an app has the values that its ext.json and app configuration need.
func renders(file *planfile.File, a apps.App) bool {
	list := planfile.NewApps(a.AppID, []planfile.App{planApp(a)})
	return len(planfile.CheckExt(file.Ext, list)) == 0 && len(planfile.CheckConfigure(file.Configure, list)) == 0
}

// Gathered is a rollout that the baseline made.
type Gathered struct {
	ID      string
	Targets int
}

// ReconcileBaseline gathers newcomers into a rollout when it is time. The worker's leader
// calls it every few seconds; several at once, or one after another that crashed
// midway, take each newcomer once: it is in the queue, in the open batch, or handed
// on, and the batch's rollout is made under an id of its own.
func (o *Operator) ReconcileBaseline(ctx context.Context) (*Gathered, error) {
	b, err := o.apps.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.keepReserve(ctx, b); err != nil { // who set or cleared it may have died before
		return nil, err
	}
	if b.Open == "" {
		if b, err = o.gather(ctx, b); err != nil || b.Open == "" {
			return nil, err
		}
	}
	return o.handOn(ctx, b)
}

// gather opens a batch, if it is time and somebody came. The result is the baseline
// with its open batch.
func (o *Operator) gather(ctx context.Context, b apps.Baseline) (apps.Baseline, error) {
	if b.Def == "" || b.Paused {
		return b, nil
	}
	def, file, err := readBaseline(b.Def)
	if err != nil {
		return b, err
	}
	now := o.now()
	if now.Sub(b.Gathered.Time()) < def.Every {
		return b, nil
	}
	if err := o.apps.ForgetNewcomers(ctx, b.Since); err != nil {
		return b, err
	}
	fit, _, err := o.newcomers(ctx, b, file, gatherMost)
	if err != nil || len(fit) == 0 {
		return b, err
	}
	number := b.Number + 1
	open, err := o.openBatch(ctx, file, number, now)
	if err != nil {
		return b, err
	}
	text, err := json.Marshal(open)
	if err != nil {
		return b, err
	}
	if _, err := o.apps.Gather(ctx, number, string(text), now, fit[:min(len(fit), gatherMost)]); err != nil {
		return b, err
	}
	return o.apps.Baseline(ctx) // with our batch, or with that of somebody who came first
}

// openBatch is the plan that a batch is handed on by; its wave is sized then.
func (o *Operator) openBatch(ctx context.Context, file *planfile.File, number int, now time.Time) (openBatch, error) {
	tmpl, _, err := o.library.Find(ctx, file.Template, false)
	if err != nil {
		return openBatch{}, err
	}
	plan, err := file.Freeze(tmpl, 1)
	if err != nil {
		return openBatch{}, err
	}
	id := fmt.Sprintf("baseline-%s-%d", now.Format("20060102"), number)
	plan.Name, plan.Quota.Pool = id, baselinePool(file) // several may be unfinished: each has a name of its own
	return openBatch{ID: id, Plan: plan}, nil
}

// handOn makes the rollout of the open batch, or goes on with it.
func (o *Operator) handOn(ctx context.Context, b apps.Baseline) (*Gathered, error) {
	var open openBatch
	if err := json.Unmarshal([]byte(b.Open), &open); err != nil {
		return nil, fmt.Errorf("read the baseline's batch: %w", err)
	}
	ids, err := o.apps.Gathered(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, nil // somebody else closed it meanwhile
	}
	plan := open.Plan
	plan.Waves = []rollout.Wave{{Name: "newcomers", Size: len(ids)}}
	created, err := o.ledger.Create(ctx, ledger.NewRollout{ID: open.ID, Plan: plan, Digest: open.ID})
	if err != nil {
		return nil, err
	}
	if created.New || created.Status == rollout.StatusLoading {
		err := o.addNewcomers(ctx, open.ID, ids)
		if err == nil {
			err = o.addToPlatform(ctx, plan, o.newcomerTargets(ctx, ids))
		}
		if err == nil {
			err = o.ledger.Seal(ctx, open.ID, len(ids), false, "baseline", fmt.Sprintf("%d apps authorized the platform", len(ids)))
		}
		if _, err := o.elsewhere(err); err != nil {
			return nil, err
		}
	}
	if err := o.apps.Handed(ctx, b.Number, open.ID); err != nil {
		return nil, err
	}
	return &Gathered{ID: open.ID, Targets: len(ids)}, nil
}

// addNewcomers writes the targets of a batch.
func (o *Operator) addNewcomers(ctx context.Context, id string, ids []string) error {
	now, place := o.now(), 0
	for page := range slices.Chunk(ids, ledger.AddBatch) {
		var targets []rollout.Target
		for a, err := range o.apps.Some(ctx, page) {
			if err != nil {
				return err
			}
			app := planApp(a)
			targets = append(targets, rollout.Target{
				AppID: app.AppID, Rank: rollout.Rank(0, place), Label: app.Label, Columns: app.Columns, Attempt: 1, Since: now,
			})
			place++
		}
		if _, err := o.ledger.Add(ctx, id, targets); err != nil {
			return err
		}
	}
	return nil
}

// keepReserve enters a baseline's reserve in the books of the submit pool, where it binds every
// permit that is taken from now on, also those of rollouts that run.
func (o *Operator) keepReserve(ctx context.Context, b apps.Baseline) error {
	pool, n, err := reserveOf(b)
	if err != nil {
		return err
	}
	var shares map[string]int64
	if n > 0 {
		shares = map[string]int64{pool: n}
	}
	return o.pools.Quota(rollout.StageSubmit).SetShares(ctx, shares)
}

// reserveOf is what a baseline keeps for its pool; 0 if none stands.
func reserveOf(b apps.Baseline) (pool string, n int64, err error) {
	if b.Def == "" {
		return "", 0, nil
	}
	def, file, err := readBaseline(b.Def)
	if err != nil {
		return "", 0, err
	}
	return baselinePool(file), def.Reserve, nil
}

// noteReserve tells a plan of another pool what the baseline keeps.
func (o *Operator) noteReserve(ctx context.Context, p *Preview) error {
	b, err := o.apps.Baseline(ctx)
	if err != nil {
		return err
	}
	pool, n, err := reserveOf(b)
	if err != nil || n == 0 || p.Plan.Quota.PoolName() == pool {
		return err
	}
	p.kept = max(0, n-p.Plan.Quota.Reserve[pool])
	p.warn("the baseline keeps %d submissions for the pool %s", n, pool)
	return nil
}

// newcomerTargets are apps of the registry as targets, for what their values ask for.
func (o *Operator) newcomerTargets(ctx context.Context, ids []string) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		for page := range slices.Chunk(ids, ledger.AddBatch) {
			for a, err := range o.apps.Some(ctx, page) {
				app := planApp(a)
				if !yield(rollout.Target{AppID: app.AppID, Label: app.Label, Columns: app.Columns}, err) {
					return
				}
			}
		}
	}
}
