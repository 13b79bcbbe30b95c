package planfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// LatestTemplate is the template id of a schedule that takes the newest template at each run.
const LatestTemplate int64 = -1

// Compiled is a plan with its apps and its template: all that a rollout of it needs. It is
// immutable.
type Compiled struct {
	// Plan is what is stored.
	Plan rollout.Plan
	// Digest identifies everything that decides what the rollout does.
	Digest string
	// Apps are the targets in order.
	Apps *applist.Apps
	// Recipe is the plan file of a schedule that chooses its apps at each run; "" otherwise.
	Recipe string

	ext       *extjson.Template
	configure *appconfig.Template
}

// Check reports the apps that lack what the ext template and the app configuration of the plan
// need, and the waves that hold no app. The error is Faults.
func (f *File) Check(apps *applist.Apps) error {
	return append(append(f.checkWaves(apps.Len()), CheckExt(f.Ext, apps)...), checkConfigure(f.Configure, apps)...).Err()
}

// Compile makes a plan that can be stored, for apps that were selected and ordered as the plan
// says. tmpl is Template.Pinned(), or for latest: true the newest entry of the template library.
func (f *File) Compile(tmpl rollout.Template, apps *applist.Apps) (*Compiled, error) {
	if err := f.Check(apps); err != nil {
		return nil, err
	}
	plan, err := f.Freeze(tmpl, apps.Len())
	if err != nil {
		return nil, err
	}
	c := &Compiled{Apps: apps, ext: f.Ext, configure: f.Configure.Template()}
	if f.Schedule != "" && f.Template.Latest { // each run takes the newest of its time
		plan.Template = rollout.Template{ID: LatestTemplate, Version: f.Template.Version, Desc: f.Template.Desc}
	}
	c.Plan, c.Digest = plan, f.digest(plan, apps)
	if f.Schedule != "" && f.Targets.Registry() { // each run takes the apps of its time: the digest leaves them out
		c.Recipe = f.Recipe()
		sum := sha256.Sum256([]byte(c.Recipe))
		c.Digest = hex.EncodeToString(sum[:])
	}
	return c, nil
}

// Len is the number of targets.
func (c *Compiled) Len() int { return c.Apps.Len() }

// Configure is the template of the app configuration; nil if the plan has none.
func (c *Compiled) Configure() *appconfig.Template { return c.configure }

// App is the n-th app, from 0, as templates take it.
func (c *Compiled) App(n int) extjson.App {
	return valuesOf(c.Apps.At(n))
}

// Wave is the wave of the n-th app, from 0.
func (c *Compiled) Wave(n int) rollout.Wave {
	wave, _, _ := waveOf(c.Plan, n)
	return c.Plan.Waves[wave]
}

// Targets are the plan's targets in order, as the ledger takes them.
func (c *Compiled) Targets() iter.Seq2[rollout.Target, error] { return Targets(c.Plan, c.Apps) }

// Targets are the targets of a plan that was frozen for apps, in order.
func Targets(plan rollout.Plan, apps *applist.Apps) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		for n, app := range apps.All() {
			wave, place, _ := waveOf(plan, n)
			t := rollout.Target{AppID: app.AppID, Rank: rollout.Rank(wave, place), Label: app.Label, Columns: app.Columns, Attempt: 1}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// Ext is the ext_json of one app's commit.
func (c *Compiled) Ext(appID string) (string, error) {
	for _, app := range c.Apps.All() {
		if app.AppID != appID {
			continue
		}
		if c.ext == nil {
			return "{}", nil
		}
		return c.ext.Render(valuesOf(app))
	}
	return "", fmt.Errorf("app %s is not among the plan's %d targets", appID, c.Len())
}
