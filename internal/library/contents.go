package library

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

const (
	// Max is the documented size of WeChat's library; older documents give 50, and
	// WeChat's reply takes precedence.
	Max = 200
	// NearlyFull is from how many templates on operators are warned.
	NearlyFull = Max * 9 / 10
	// DefaultKeep is how many of the newest templates a pruning keeps.
	DefaultKeep = 20
)

// Use is what needs a template: deleting it would break that.
type Use struct {
	// Kind is rollout, schedule or baseline; Name is its name, "" for the baseline.
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// Status is a rollout's.
	Status rollout.Status `json:"status,omitempty"`
}

// String is the use in words.
func (u Use) String() string {
	switch {
	case u.Status != "":
		return fmt.Sprintf("%s %s (%s)", u.Kind, u.Name, u.Status)
	case u.Name != "":
		return u.Kind + " " + u.Name
	default:
		return "the " + u.Kind
	}
}

// Entry is a template with what it is good for.
type Entry struct {
	Template
	// Uses are the unfinished rollouts (in any revision of their plan), the schedules and
	// the baseline that name it.
	Uses []Use `json:"used_by"`
	// Live is how many apps of the registry have its version live, as far as is known.
	Live int `json:"live"`
}

// Contents are the library's templates with their uses.
type Contents struct {
	// Entries are the newest (highest id) first.
	Entries []Entry
	// Unseen authorized mini programs have no live version that the registry knows of:
	// nothing was released yet, or no sync looked (enqueue apps sync --versions).
	Unseen int
	// Last is what was last done to the library; nil if nothing was.
	Last *ledger.Action
}

// Room is how many templates more fit, at least 0.
func (c Contents) Room() int { return max(0, Max-len(c.Entries)) }

// Prunable are the entries that a pruning deletes, the oldest first: those that nothing
// uses, that are not among the keep newest usable ones, and that no app has live unless
// evenLive.
func (c Contents) Prunable(keep int, evenLive bool) []Entry {
	var out []Entry
	for _, e := range c.Entries {
		if !e.Standard {
			keep--
		}
		if (e.Standard || keep < 0) && len(e.Uses) == 0 && (e.Live == 0 || evenLive) {
			out = append(out, e)
		}
	}
	slices.Reverse(out)
	return out
}

// Contents reads the library with the uses of its templates. It walks over all rollouts and the
// app registry, in pages.
func (l *Library) Contents(ctx context.Context) (Contents, error) {
	list, err := l.Templates(ctx)
	if err != nil {
		return Contents{}, err
	}
	seen, err := l.templatesSeen(ctx)
	if err != nil {
		return Contents{}, err
	}
	live, unseen, err := l.liveVersions(ctx)
	if err != nil {
		return Contents{}, err
	}
	c := Contents{Unseen: unseen, Entries: make([]Entry, len(list))}
	for i, t := range list {
		e := Entry{Template: t, Uses: append([]Use{}, seen.uses[t.ID]...)} // in JSON: a list, if an empty one
		for version := range seen.versionsOf(t) {
			e.Live += live[version]
		}
		c.Entries[i] = e
	}
	actions, err := l.d.Log.PlatformActions(ctx)
	if err != nil {
		return c, err
	}
	for _, a := range actions {
		if IsAction(a) {
			c.Last = &a
		}
	}
	return c, nil
}

// pageSize is how many rollouts are read at a time.
const pageSize = 100

// templatesSeen is what rollouts, schedules and the baseline do with templates.
type templatesSeen struct {
	uses map[int64][]Use
	// versions are those that plans, ended ones too, showed users for a template.
	versions map[int64]map[string]bool
}

// add notes a plan's template; an unfinished thing uses it.
func (s *templatesSeen) add(t rollout.Template, unfinished bool, by Use) {
	if s.versions[t.ID] == nil {
		s.versions[t.ID] = make(map[string]bool)
	}
	s.versions[t.ID][t.Version] = true
	known := slices.ContainsFunc(s.uses[t.ID], func(u Use) bool { return u.Kind == by.Kind && u.Name == by.Name })
	if unfinished && t.ID != LatestTemplate && !known {
		s.uses[t.ID] = append(s.uses[t.ID], by)
	}
}

// versionsOf are the versions that users may see of a template.
func (s *templatesSeen) versionsOf(t Template) map[string]bool {
	versions := map[string]bool{t.Version: true}
	for v := range s.versions[t.ID] {
		versions[v] = true
	}
	return versions
}

func (l *Library) templatesSeen(ctx context.Context) (*templatesSeen, error) {
	seen := &templatesSeen{uses: make(map[int64][]Use), versions: make(map[int64]map[string]bool)}
	active, err := l.d.Plans.Active(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range active {
		if err := l.seeRollout(ctx, seen, r); err != nil {
			return nil, err
		}
	}
	// Then all rollouts by pages: one that is being written is in no separate index, and
	// ended ones show which versions a template had. New ones come first, so that a page
	// may show one twice; pruning takes only ended ones away.
	for offset := 0; ; offset += pageSize {
		page, err := l.d.Plans.Rollouts(ctx, offset, pageSize)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if err := l.seeRollout(ctx, seen, r); err != nil {
				return nil, err
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	schedules, err := l.d.Plans.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range schedules {
		seen.add(s.Plan.Template, true, Use{Kind: "schedule", Name: s.Name})
	}
	return seen, l.seeBaseline(ctx, seen)
}

// seeRollout notes the template of each revision of a rollout's plan.
func (l *Library) seeRollout(ctx context.Context, seen *templatesSeen, r rollout.Rollout) error {
	use := Use{Kind: "rollout", Name: r.ID, Status: r.Status}
	seen.add(r.Plan.Template, !r.Status.Ended(), use)
	for revision := 1; revision <= r.Revision; revision++ {
		plan, err := l.d.Plans.Plan(ctx, r.ID, revision)
		if errors.Is(err, ledger.ErrNotFound) && r.Status.Ended() {
			return nil // pruned meanwhile
		}
		if err != nil {
			return err
		}
		seen.add(plan.Template, !r.Status.Ended(), use)
	}
	return nil
}

func (l *Library) seeBaseline(ctx context.Context, seen *templatesSeen) error {
	templates, err := l.d.Baseline(ctx)
	for _, t := range templates {
		seen.add(t, true, Use{Kind: "baseline"})
	}
	return err
}

// liveVersions counts the authorized apps by the version that users have; unseen of
// them are mini programs whose version is not known.
func (l *Library) liveVersions(ctx context.Context) (live map[string]int, unseen int, err error) {
	live = make(map[string]int)
	for a, err := range l.d.Apps.All(ctx) {
		switch {
		case err != nil:
			return nil, 0, err
		case a.State != apps.StateAuthorized:
		case a.Live != "":
			live[a.Live]++
		case a.MiniProgram || a.Read == 0:
			unseen++
		}
	}
	return live, unseen, nil
}

// Words by which the platform's log distinguishes the library's actions from the pools'.
const (
	actionTemplate = "template "
	actionDraft    = "draft "
)

// IsAction reports whether an action of the platform's log changed the library.
func IsAction(a ledger.Action) bool {
	return strings.HasPrefix(a.From, actionTemplate) || strings.HasPrefix(a.From, actionDraft)
}
