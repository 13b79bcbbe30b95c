package library_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// shelf fills the library with templates of the ids from..to, version 1.0.ID.
func (b *bench) shelf(from, to int64) {
	b.WeChat.Library = nil
	for id := from; id <= to; id++ {
		b.WeChat.Library = append(b.WeChat.Library, wxclient.Template{ID: id, Version: fmt.Sprintf("1.0.%d", id)})
	}
}

// live makes an app known with a version that users have.
func (b *bench) live(n int, version string) {
	b.T.Helper()
	_, err := apps.New(b.Redis).Change(b.Ctx, []string{appID(n)}, func(a *apps.App) bool {
		a.Join(1)
		return a.Learn(2, apps.Facts{MiniProgram: true, Live: version})
	})
	if err != nil {
		b.T.Fatal(err)
	}
}

// uses returns what needs a template.
func (b *bench) uses(id int64) string {
	b.T.Helper()
	l, err := b.Library.Contents(b.Ctx)
	if err != nil {
		b.T.Fatal(err)
	}
	i := slices.IndexFunc(l.Entries, func(e library.Entry) bool { return e.ID == id })
	return strings.Trim(fmt.Sprint(l.Entries[i].Uses), "[]")
}

// TestTemplateUses: rollouts in every revision, as long as they are not ended, one that
// is being written, schedules, and the baseline.
func TestTemplateUses(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.shelf(110, 130)
	id := b.Apply(strings.ReplaceAll(simple, "3.9.0", "1.0.118"), 2)
	if got, want := b.uses(118), "rollout "+id+" (running)"; got != want {
		t.Errorf("118 is used by %q, want %q", got, want)
	}
	if _, err := b.Operator.Retry(b.Ctx, id, view.Filter{AppIDs: []string{appID(0)}}, operator.RetryOptions{Recommit: true, Template: &rollout.Template{ID: 120}}); err != nil {
		t.Fatal(err)
	}
	if got := b.uses(120); !strings.HasPrefix(got, "rollout ") {
		t.Errorf("120 of revision 1 is used by %q", got)
	}
	if _, err := b.Operator.Abort(b.Ctx, id, "over"); err != nil {
		t.Fatal(err)
	}
	if b.uses(118) != "" || b.uses(120) != "" {
		t.Error("an aborted rollout still uses its templates")
	}
	scheduled := b.Plan("name: monthly\ntemplate: {id: 121, version: 1.0.121}\ntargets: {file: apps.csv}\nschedule: \"0 2 1 * *\"\n", 2)
	if _, err := b.Launcher.Schedule(b.Ctx, scheduled, launch.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	standing := b.Parse("name: standing\ntemplate: {id: 122, version: 1.0.122}\ntargets: {all: true}\n", nil)
	if _, err := b.Launcher.SetBaseline(b.Ctx, standing, launch.BaselineOptions{}, false); err != nil {
		t.Fatal(err)
	}
	if got := b.uses(121) + ", " + b.uses(122); got != "schedule monthly, the baseline" {
		t.Errorf("121 and 122 are used by %q", got)
	}
	used, missing := (*library.UsedError)(nil), (*library.TemplateError)(nil)
	done, err := b.Library.Delete(b.Ctx, []int64{110, 121, 500}, false, "")
	if !errors.As(err, &used) || !errors.As(err, &missing) || used.Template.ID != 121 || missing.ID != 500 || len(b.WeChat.Library) != 21 {
		t.Errorf("deleted %v of three with two faults: %v", done, err)
	}
}

// TestPrune keeps the newest, what is used, and what apps have live, also by a version
// that only a plan gave it.
func TestPrune(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.shelf(1, 10)
	b.WeChat.Library = append(b.WeChat.Library, wxclient.Template{ID: 11, Type: 1, Version: "1.0.11"})
	id := b.Apply(strings.NewReplacer("118", "3", "3.9.0", "spring").Replace(simple), 1)
	b.Apply(strings.NewReplacer("118", "5", "3.9.0", "1.0.5", "spring", "summer").Replace(simple), 1)
	if _, err := b.Operator.Abort(b.Ctx, id, "over"); err != nil {
		t.Fatal(err)
	}
	b.live(1, "1.0.2")
	b.live(2, "spring")
	b.live(3, "")
	l, err := b.Library.Contents(b.Ctx)
	if err != nil || l.Unseen != 1 || l.Room() != library.Max-11 {
		t.Fatalf("library %+v %v", l, err)
	}
	ids := func(list []library.Entry) (out []int64) {
		for _, e := range list {
			out = append(out, e.ID)
		}
		return out
	}
	if diff := cmp.Diff([]int64{1, 4, 6, 7, 11}, ids(l.Prunable(3, false))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 6, 7, 11}, ids(l.Prunable(3, true))); diff != "" {
		t.Error(diff)
	}
	// One is gone already, and the reply to another is lost: both are deleted.
	b.WeChat.Errs["DeleteTemplate 4"] = &wxclient.Error{Code: 85064}
	b.WeChat.Errs["DeleteTemplate 6"] = &wxclient.OutcomeUnknownError{Err: errors.New("reset")}
	done, err := b.Library.Delete(b.Ctx, []int64{1, 4, 6}, false, "make room")
	if err != nil || len(done) != 3 {
		t.Errorf("deleted %v %v", ids(done), err)
	}
	b.WeChat.Errs["DeleteTemplate 7"] = &wxclient.Error{Code: -1}
	if done, err = b.Library.Delete(b.Ctx, []int64{2, 7, 8}, false, ""); err == nil || len(done) != 1 {
		t.Errorf("deleted %v before the fault, %v", ids(done), err)
	}
	if l, err = b.Library.Contents(b.Ctx); err != nil || l.Last == nil || l.Last.From != "template 2, version 1.0.2" || l.Last.By != "li@ops1" {
		t.Errorf("last %+v %v", l.Last, err)
	}
	if q, err := b.Quota.Report(b.Ctx, appID(1)); err != nil || len(q.Actions) != 0 {
		t.Errorf("the pools' actions %+v %v", q.Actions, err)
	}
}

func TestAddTemplate(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.shelf(0, 3)
	b.WeChat.Drafts = []wxclient.TemplateDraft{{ID: 0, Version: "2.0"}, {ID: 7, Version: "2.1"}}
	if a, err := b.Library.Add(b.Ctx, nil, true, ""); err != nil || a.Draft.ID != 7 || a.Template != nil || len(b.WeChat.Library) != 4 {
		t.Errorf("dry run %+v %v", a, err)
	}
	b.WeChat.Errs["AddTemplate"] = &wxclient.OutcomeUnknownError{Err: errors.New("timeout")}
	a, err := b.Library.Add(b.Ctx, nil, false, "")
	if err != nil || a.Template == nil || a.Template.ID != 307 || a.Existed || a.Templates != 5 {
		t.Errorf("with a lost reply %+v %v", a, err)
	}
	if a, err = b.Library.Add(b.Ctx, nil, false, ""); err != nil || !a.Existed || a.Template.ID != 307 || len(b.WeChat.Library) != 5 {
		t.Errorf("once more %+v %v", a, err)
	}
	// Templates without a draft say draft 0: the draft 0 is none of them.
	delete(b.WeChat.Errs, "AddTemplate")
	zero := int64(0)
	if a, err = b.Library.Add(b.Ctx, &zero, false, ""); err != nil || a.Existed || a.Template.ID != 300 {
		t.Errorf("draft 0 %+v %v", a, err)
	}
	nine := int64(9)
	if _, err = b.Library.Add(b.Ctx, &nine, false, ""); !errors.As(err, new(*library.DraftError)) || !strings.Contains(err.Error(), "there are 7 (version 2.1), 0 (version 2.0)") {
		t.Error(err)
	}
	b.WeChat.Drafts = nil
	if _, err = b.Library.Add(b.Ctx, nil, false, ""); !errors.As(err, new(*library.DraftError)) || !strings.Contains(err.Error(), "upload") {
		t.Error(err)
	}
}

func TestFullLibrary(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.WeChat.Drafts = []wxclient.TemplateDraft{{ID: 7, Version: "2.1"}}
	full := (*library.FullError)(nil)
	b.shelf(1, library.Max)
	_, err := b.Library.Add(b.Ctx, nil, false, "")
	if !errors.As(err, &full) || full.Prunable != library.Max-library.DefaultKeep || slices.Contains(b.WeChat.Asked, "AddTemplate") {
		t.Errorf("%v after %v", err, b.WeChat.Asked)
	}
	b.shelf(1, 50) // a platform that holds fewer
	b.WeChat.Errs["AddTemplate"] = &wxclient.Error{Code: 85065}
	if _, err = b.Library.Add(b.Ctx, nil, false, ""); !errors.As(err, &full) || full.Have != 50 || full.Prunable != 30 || full.Err == nil {
		t.Error(err)
	}
	b.shelf(1, 20)
	if _, err = b.Library.Add(b.Ctx, nil, false, ""); !errors.As(err, &full) || !strings.Contains(err.Error(), "would free none") {
		t.Error(err)
	}
}
