package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

const (
	// LibraryMax is how many templates WeChat's library holds by its page; older pages
	// say 50, and what WeChat answers counts.
	LibraryMax = 200
	// LibraryNearlyFull is from how many templates on operators are warned.
	LibraryNearlyFull = LibraryMax * 9 / 10
	// DefaultKeep is how many of the newest templates a pruning keeps.
	DefaultKeep = 20
)

// TemplateUse is what needs a template: deleting it would break that.
type TemplateUse struct {
	// Kind is rollout, schedule or baseline; Name tells which, "" for the baseline.
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// Status is a rollout's.
	Status rollout.Status `json:"status,omitempty"`
}

// String is the use in words.
func (u TemplateUse) String() string {
	switch {
	case u.Status != "":
		return fmt.Sprintf("%s %s (%s)", u.Kind, u.Name, u.Status)
	case u.Name != "":
		return u.Kind + " " + u.Name
	default:
		return "the " + u.Kind
	}
}

// LibraryEntry is a template with what it is good for.
type LibraryEntry struct {
	Template
	// Uses are the unfinished rollouts (in any revision of their plan), the schedules and
	// the baseline that name it.
	Uses []TemplateUse `json:"used_by"`
	// Live is how many apps of the registry have its version live, as far as is known.
	Live int `json:"live"`
}

// Library is the template library as an operator sees it.
type Library struct {
	// Entries are the newest (highest id) first.
	Entries []LibraryEntry
	// Unseen authorized mini programs have no live version that the registry knows of:
	// nothing was released yet, or nobody looked (enqueue apps sync --versions).
	Unseen int
	// Last is what was last done to the library; nil if nothing was.
	Last *ledger.Action
}

// Room is how many templates more fit, at least 0.
func (l Library) Room() int { return max(0, LibraryMax-len(l.Entries)) }

// Prunable are the entries that a pruning deletes, the oldest first: those that nothing
// uses, that are not among the keep newest usable ones, and that no app has live unless
// evenLive.
func (l Library) Prunable(keep int, evenLive bool) []LibraryEntry {
	var out []LibraryEntry
	for _, e := range l.Entries {
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

// Library reads the template library and what its entries are good for. It walks over
// all rollouts and the registry of apps, in pages.
func (o *Operator) Library(ctx context.Context) (Library, error) {
	list, err := o.Templates(ctx)
	if err != nil {
		return Library{}, err
	}
	seen, err := o.templatesSeen(ctx)
	if err != nil {
		return Library{}, err
	}
	live, unseen, err := o.liveVersions(ctx)
	if err != nil {
		return Library{}, err
	}
	l := Library{Unseen: unseen, Entries: make([]LibraryEntry, len(list))}
	for i, t := range list {
		e := LibraryEntry{Template: t, Uses: append([]TemplateUse{}, seen.uses[t.ID]...)} // in JSON: a list, if an empty one
		for version := range seen.versionsOf(t) {
			e.Live += live[version]
		}
		l.Entries[i] = e
	}
	actions, err := o.ledger.PlatformActions(ctx)
	if err != nil {
		return l, err
	}
	for _, a := range actions {
		if isLibraryAction(a) {
			l.Last = &a
		}
	}
	return l, nil
}

// templatesSeen is what rollouts, schedules and the baseline do with templates.
type templatesSeen struct {
	uses map[int64][]TemplateUse
	// versions are those that plans, ended ones too, showed users for a template.
	versions map[int64]map[string]bool
}

// add notes a plan's template; an unfinished thing uses it.
func (s *templatesSeen) add(t rollout.Template, unfinished bool, by TemplateUse) {
	if s.versions[t.ID] == nil {
		s.versions[t.ID] = make(map[string]bool)
	}
	s.versions[t.ID][t.Version] = true
	known := slices.ContainsFunc(s.uses[t.ID], func(u TemplateUse) bool { return u.Kind == by.Kind && u.Name == by.Name })
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

func (o *Operator) templatesSeen(ctx context.Context) (*templatesSeen, error) {
	seen := &templatesSeen{uses: make(map[int64][]TemplateUse), versions: make(map[int64]map[string]bool)}
	active, err := o.ledger.Active(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range active {
		if err := o.seeRollout(ctx, seen, r); err != nil {
			return nil, err
		}
	}
	// Then all rollouts by pages: one that is being written is in no index of its own, and
	// ended ones tell which versions a template had. New ones come first, so that a page
	// may show one twice; pruning takes only ended ones away.
	for offset := 0; ; offset += searchPage {
		page, err := o.ledger.Rollouts(ctx, offset, searchPage)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if err := o.seeRollout(ctx, seen, r); err != nil {
				return nil, err
			}
		}
		if len(page) < searchPage {
			break
		}
	}
	schedules, err := o.ledger.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range schedules {
		seen.add(s.Plan.Template, true, TemplateUse{Kind: "schedule", Name: s.Name})
	}
	return seen, o.seeBaseline(ctx, seen)
}

// seeRollout notes the template of each revision of a rollout's plan.
func (o *Operator) seeRollout(ctx context.Context, seen *templatesSeen, r rollout.Rollout) error {
	use := TemplateUse{Kind: "rollout", Name: r.ID, Status: r.Status}
	seen.add(r.Plan.Template, !r.Status.Ended(), use)
	for revision := 1; revision <= r.Revision; revision++ {
		plan, err := o.ledger.Plan(ctx, r.ID, revision)
		if isNotFound(err) && r.Status.Ended() {
			return nil // pruned meanwhile
		}
		if err != nil {
			return err
		}
		seen.add(plan.Template, !r.Status.Ended(), use)
	}
	return nil
}

func (o *Operator) seeBaseline(ctx context.Context, seen *templatesSeen) error {
	b, err := o.Baseline(ctx)
	if err != nil {
		return err
	}
	use := TemplateUse{Kind: "baseline"}
	if !b.Set.IsZero() {
		seen.add(b.Template, true, use)
	}
	if b.handing != nil {
		seen.add(b.handing.Plan.Template, true, use)
	}
	return nil
}

// liveVersions counts the authorized apps by the version that users have; unseen of
// them are mini programs whose version is not known.
func (o *Operator) liveVersions(ctx context.Context) (live map[string]int, unseen int, err error) {
	live = make(map[string]int)
	for a, err := range o.apps.All(ctx) {
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

// Words by which the platform's log tells the library's actions from the pools'.
const (
	actionTemplate = "template "
	actionDraft    = "draft "
)

func isLibraryAction(a ledger.Action) bool {
	return strings.HasPrefix(a.From, actionTemplate) || strings.HasPrefix(a.From, actionDraft)
}
