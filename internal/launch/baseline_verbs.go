package launch

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// DefaultGather is how often newcomers are gathered into a rollout.
const DefaultGather = 10 * time.Minute

// BaselineOptions are the settings of a baseline.
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

// Baseline is the plan for newcomers, as operators see it.
type Baseline struct {
	// Set is when it was set; zero means that none is set.
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
	// Cleared is when an operator removed the last baseline, and why, if none is set.
	Cleared *ledger.TimedAction `json:"cleared,omitempty"`

	handing *batch
}

// ErrNoBaseline reports that no baseline is set.
var ErrNoBaseline = errors.New("no baseline is set: enqueue baseline set -f PLAN makes one")

// checkBaseline refuses plans that can't serve as a baseline, all faults at once.
func checkBaseline(file *planfile.File) error {
	var faults filefault.Faults
	fault := func(bad bool, key, msg string) {
		if bad {
			faults = append(faults, filefault.Fault{File: file.Path, Key: key, Msg: msg})
		}
	}
	fault(!file.Targets.Registry(), "targets", "a baseline is for apps that are yet to come: want all: true, or select: tier!=test")
	fault(len(file.Waves) > 1 || len(file.Waves) == 1 && (file.Waves[0].Approve || !file.Waves[0].Size.Rest()), "waves", "newcomers come one by one: a baseline has no waves")
	fault(file.Schedule != "", "schedule", "a baseline applies until it is cleared, and gathers automatically: it has no schedule")
	fault(!file.Start.IsZero(), "start", "a baseline applies from when it is set: it has no start")
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// SetBaseline applies a plan to every app authorized since opt.Since. It changes nothing when the
// plan has faults (filefault.Faults), and with dryRun.
func (l *Launcher) SetBaseline(ctx context.Context, file *planfile.File, opt BaselineOptions, dryRun bool) (Baseline, error) {
	if err := checkBaseline(file); err != nil {
		return Baseline{}, err
	}
	if _, _, err := l.d.Templates.Find(ctx, file.Template, false); err != nil {
		return Baseline{}, err
	}
	if opt.Every == 0 {
		opt.Every = DefaultGather
	}
	if opt.Since.IsZero() {
		opt.Since = l.d.Now()
	}
	def, err := json.Marshal(baselineDef{Recipe: file.Recipe(), Every: opt.Every, Reserve: opt.Reserve})
	if err != nil {
		return Baseline{}, err
	}
	b := apps.Baseline{Def: string(def), Since: apps.At(opt.Since), Set: apps.At(l.d.Now()), By: l.d.By, Why: opt.Why}
	if dryRun {
		return l.viewBaseline(ctx, b)
	}
	if err := l.apps.SetBaseline(ctx, b); err != nil {
		return Baseline{}, err
	}
	if err := l.keepReserve(ctx, b); err != nil {
		return Baseline{}, err
	}
	return l.Baseline(ctx)
}

// Baseline returns the baseline and its progress. Without one, Set is zero.
func (l *Launcher) Baseline(ctx context.Context) (Baseline, error) {
	b, err := l.apps.Baseline(ctx)
	if err != nil {
		return Baseline{}, err
	}
	return l.viewBaseline(ctx, b)
}

// BaselineTemplates returns the templates of the baseline and of its open batch.
func (l *Launcher) BaselineTemplates(ctx context.Context) ([]rollout.Template, error) {
	b, err := l.Baseline(ctx)
	var list []rollout.Template
	if !b.Set.IsZero() {
		list = append(list, b.Template)
	}
	if b.handing != nil {
		list = append(list, b.handing.Plan.Template)
	}
	return list, err
}

func (l *Launcher) viewBaseline(ctx context.Context, b apps.Baseline) (Baseline, error) {
	v := Baseline{Taken: b.Taken, Last: b.Last}
	if b.Open != "" {
		open, err := readBatch(b.Open)
		if err != nil {
			return v, err
		}
		v.Handing, v.handing = open.ID, &open
	}
	if b.Def == "" {
		actions, err := l.d.Ledger.PlatformActions(ctx)
		v.Cleared = lastChange(actions, baselineSubject)
		return v, err
	}
	def, file, err := readBaseline(b.Def)
	if err != nil {
		return v, err
	}
	v.Set, v.By, v.Why, v.Since, v.Paused = b.Set.Time(), b.By, b.Why, b.Since.Time(), b.Paused
	v.Every, v.Gathers, v.Reserve = def.Every, def.Every.String(), def.Reserve
	v.Name, v.Template, v.Select, v.Pool = file.Name, file.Template.Pinned(), file.Targets.Select.String(), baselinePool(file)
	if file.Template.Latest {
		v.Template.ID = planfile.LatestTemplate
	}
	fit, held, err := l.newcomers(ctx, b, file, math.MaxInt)
	v.Waiting, v.Held = len(fit)+held, held
	return v, err
}

// PauseBaseline keeps the baseline from gathering, or lets it go on. Newcomers wait.
func (l *Launcher) PauseBaseline(ctx context.Context, pause bool, why string) (Baseline, error) {
	b, err := l.apps.Baseline(ctx)
	switch {
	case err != nil:
		return Baseline{}, err
	case b.Def == "":
		return Baseline{}, ErrNoBaseline
	}
	b.Paused, b.By = pause, l.d.By
	if why != "" {
		b.Why = why
	}
	if err := l.apps.SetBaseline(ctx, b); err != nil {
		return Baseline{}, err
	}
	return l.Baseline(ctx)
}

// ClearBaseline removes the baseline and returns it; the platform's log has the reason. Rollouts
// that it created continue.
func (l *Launcher) ClearBaseline(ctx context.Context, why string, dryRun bool) (Baseline, error) {
	was, err := l.Baseline(ctx)
	switch {
	case err != nil:
		return was, err
	case was.Set.IsZero():
		return was, ErrNoBaseline
	case dryRun:
		return was, nil
	}
	if err := l.apps.ClearBaseline(ctx); err != nil {
		return was, err
	}
	err = l.d.Ledger.NotePlatform(ctx, baselineSubject, "cleared", l.d.By, human.Reason(why))
	return was, errors.Join(err, l.keepReserve(ctx, apps.Baseline{}))
}

// baselineSubject names the baseline in the platform's log.
const baselineSubject = "baseline"
