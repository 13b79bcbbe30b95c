package launch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// gatherMost is how many newcomers one rollout takes.
const gatherMost = 1000

// baselineDef is the definition of a baseline, as the registry stores it.
type baselineDef struct {
	Recipe  string        `json:"recipe"`
	Every   time.Duration `json:"every"`
	Reserve int64         `json:"reserve,omitempty"`
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

// batch is a batch of newcomers that is being written as a rollout.
type batch struct {
	ID   string       `json:"id"`
	Plan rollout.Plan `json:"plan"`
}

// readBatch reads the open batch of a baseline.
func readBatch(text string) (batch, error) {
	var b batch
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return b, fmt.Errorf("read the baseline's batch: %w", err)
	}
	return b, nil
}

// baselinePool is the quota pool of a baseline's plan.
func baselinePool(file *planfile.File) string { return cmp.Or(file.Quota.Pool, "baseline") }

// newcomers are the apps that a baseline may take now, the first to come first, and how many of
// those read it can't take. It stops once it has most.
func (l *Launcher) newcomers(ctx context.Context, b apps.Baseline, file *planfile.File, most int) (fit []string, held int, err error) {
	for offset := 0; len(fit) < most; offset += apps.Batch {
		ids, err := l.apps.Newcomers(ctx, b.Since, offset, apps.Batch)
		if err != nil {
			return nil, 0, err
		}
		for a, err := range l.apps.Some(ctx, ids) {
			if err != nil {
				return nil, 0, err
			}
			if !file.Targets.Select.Match(a.Get) || file.Check(applist.New(a.AppID, []applist.App{planApp(a)})) != nil {
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

// keepReserve enters a baseline's reserve in the books of the submit pool, where it binds every
// permit from now on, also those of running rollouts.
func (l *Launcher) keepReserve(ctx context.Context, b apps.Baseline) error {
	name, n, err := reserveOf(b)
	if err != nil {
		return err
	}
	return l.d.Quota.Reserve(ctx, name, n)
}

// reserveOf is the reserve of a baseline and its pool; 0 if no baseline is set.
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

// noteReserve warns in a preview about the baseline's reserve for another pool.
func (l *Launcher) noteReserve(ctx context.Context, p *Preview) error {
	b, err := l.apps.Baseline(ctx)
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

// Gathered is a rollout that the baseline made.
type Gathered struct {
	ID      string
	Targets int
}

// Gather writes newcomers as a rollout when it is time; nil if there is nothing to do. Several
// calls at once, or one after another that crashed, take each newcomer once: it is in the queue, in
// the open batch, or handed on, and the batch's rollout has a separate id.
func (l *Launcher) Gather(ctx context.Context) (*Gathered, error) {
	b, err := l.apps.Baseline(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.keepReserve(ctx, b); err != nil { // the command that set or cleared it may have died before
		return nil, err
	}
	if b.Open == "" {
		if b, err = l.openBatch(ctx, b); err != nil || b.Open == "" {
			return nil, err
		}
	}
	return l.handOn(ctx, b)
}

// openBatch opens a batch, if it is time and there are newcomers. The result is the baseline with
// its open batch.
func (l *Launcher) openBatch(ctx context.Context, b apps.Baseline) (apps.Baseline, error) {
	if b.Def == "" || b.Paused {
		return b, nil
	}
	def, file, err := readBaseline(b.Def)
	if err != nil {
		return b, err
	}
	now := l.d.Now()
	if now.Sub(b.Gathered.Time()) < def.Every {
		return b, nil
	}
	if err := l.apps.ForgetNewcomers(ctx, b.Since); err != nil {
		return b, err
	}
	fit, _, err := l.newcomers(ctx, b, file, gatherMost)
	if err != nil || len(fit) == 0 {
		return b, err
	}
	tmpl, _, err := l.d.Templates.Find(ctx, file.Template, false)
	if err != nil {
		return b, err
	}
	batch := batch{ID: fmt.Sprintf("baseline-%s-%d", now.Format("20060102"), b.Number+1)}
	if batch.Plan, err = file.Freeze(tmpl, 1); err != nil { // handOn sets the size of its wave
		return b, err
	}
	// Several batches may be unfinished: each has its own name.
	batch.Plan.Name, batch.Plan.Quota.Pool = batch.ID, baselinePool(file)
	text, err := json.Marshal(batch)
	if err != nil {
		return b, err
	}
	if _, err := l.apps.Gather(ctx, b.Number+1, string(text), now, fit[:min(len(fit), gatherMost)]); err != nil {
		return b, err
	}
	return l.apps.Baseline(ctx) // with this batch, or with that of a worker that came first
}

// handOn writes the rollout of the open batch, or completes it.
func (l *Launcher) handOn(ctx context.Context, b apps.Baseline) (*Gathered, error) {
	batch, err := readBatch(b.Open)
	if err != nil {
		return nil, err
	}
	ids, err := l.apps.Gathered(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, nil // another worker closed it meanwhile
	}
	batch.Plan.Waves = []rollout.Wave{{Name: "newcomers", Size: len(ids)}}
	_, err = l.write(ctx, Rollout{
		NewRollout: ledger.NewRollout{ID: batch.ID, Plan: batch.Plan, Digest: batch.ID}, Targets: l.newcomerTargets(ctx, ids), Total: len(ids),
		By: "baseline", Why: fmt.Sprintf("%d apps authorized the platform", len(ids)),
	})
	if _, moved := movedOn(err); err != nil && !moved {
		return nil, err
	}
	if err := l.apps.Handed(ctx, b.Number, batch.ID); err != nil {
		return nil, err
	}
	return &Gathered{ID: batch.ID, Targets: len(ids)}, nil
}

// newcomerTargets are the targets of a batch, with the values that the registry has now.
func (l *Launcher) newcomerTargets(ctx context.Context, ids []string) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		place := 0
		for page := range slices.Chunk(ids, ledger.AddBatch) {
			for a, err := range l.apps.Some(ctx, page) {
				app := planApp(a)
				t := rollout.Target{AppID: app.AppID, Rank: rollout.Rank(0, place), Label: app.Label, Columns: app.Columns, Attempt: 1}
				if !yield(t, err) {
					return
				}
				place++
			}
		}
	}
}
