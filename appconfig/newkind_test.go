package appconfig_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A kind that WeChat doesn't have, as its one file would be; AddKind stands for its line in the table.
func init() {
	appconfig.AddKind(appconfig.Define(appconfig.Kind{
		Name: "slogan", Title: "slogan below the name", Key: "slogan", At: []appconfig.Moment{appconfig.BeforeCommit},
		Schema: appconfig.Text{Check: func(v string) string {
			if len(v) > 10 {
				return "want at most 10 characters"
			}
			return ""
		}},
	}, func(wx sloganPort, appID, want string) appconfig.Editor {
		return &sloganEditor{wx: wx, appID: appID, want: want}
	}))
}

type sloganPort interface {
	Slogan(ctx context.Context, appid string) (string, error)
	SetSlogan(ctx context.Context, appid, text string) error
}

type sloganEditor struct {
	wx                sloganPort
	appID, want, have string
}

func (e *sloganEditor) Read(ctx context.Context) (err error) {
	e.have, err = e.wx.Slogan(ctx, e.appID)
	return err
}

func (e *sloganEditor) Changes() ([]appconfig.Change, error) {
	if e.have == e.want {
		return nil, nil
	}
	return []appconfig.Change{{Verb: appconfig.Set, Lines: []string{"~ " + e.want}}}, nil
}

func (e *sloganEditor) Write(ctx context.Context, _ appconfig.Change) error {
	return e.wx.SetSlogan(ctx, e.appID, e.want)
}

// slogans is WeChat for that kind.
type slogans struct {
	texts  map[string]string
	lost   bool // the next write takes effect and its reply is lost
	writes int
}

func (s *slogans) Slogan(_ context.Context, app string) (string, error) { return s.texts[app], nil }

func (s *slogans) SetSlogan(_ context.Context, app, text string) error {
	s.writes++
	s.texts[app] = text
	if s.lost {
		s.lost = false
		return &wxclient.OutcomeUnknownError{Endpoint: "/wxa/setslogan", Err: errors.New("connection reset")}
	}
	return nil
}

// commits is WeChat for the commit.
type commits struct {
	tasks.WeChat // nil: no other call is made
	desc         string
}

func (c *commits) Commit(_ context.Context, _ string, r wxclient.CommitRequest) error {
	c.desc = r.Desc
	return nil
}

func (c *commits) VersionInfo(context.Context, string) (wxclient.VersionInfo, error) {
	return wxclient.VersionInfo{}, nil
}

type permits struct{ tasks.Permits } // nil: no other call is made

func (permits) ClosedFor(context.Context, rollout.Stage) string { return "" }

func (permits) Open(context.Context, rollout.Stage) bool { return false }

func (permits) Settle(context.Context, rollout.Stage, string, string, ratelimit.Use) error {
	return nil
}

// TestNewKind: one file and one line make a kind that the plan file, its check, the preview, the
// handler and the explanations know.
func TestNewKind(t *testing.T) {
	t.Parallel()
	const app = "wx0000000000000001"
	parse := func(slogan, list string) (*planfile.File, *applist.Apps, error) {
		text := "name: spring\ntemplate: {id: 1, version: 3.9.0}\ntargets: {file: apps.csv}\nconfigure:\n  slogan: " + slogan + "\n"
		f, err := planfile.Parse("plan.yaml", []byte(text), func(string) ([]byte, error) { return []byte(list), nil })
		if err != nil {
			return nil, nil, err
		}
		apps, err := f.ReadApps()
		return f, apps, err
	}
	says := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	_, _, err := parse("much too long a text", "")
	says("plan", err, `plan.yaml:5: configure.slogan: "much too long a text": want at most 10`)
	f, apps, err := parse("'{{.word}}'", "appid,word\n"+app+",much too long a text\n")
	if err != nil {
		t.Fatal(err)
	}
	says("app list", f.Check(apps), "apps.csv:2: "+app+`: configure.slogan: "much too long a text"`)
	if f, _, err = parse("'{{.word}}'", "appid,word\n"+app+",hello\n"); err != nil {
		t.Fatal(err)
	}

	m, rdb := redistest.Mini(t)
	wx := &slogans{texts: map[string]string{}, lost: true}
	store := ledger.New(rdb, ledger.Options{})
	launcher := launch.New(launch.Deps{
		Ledger: store, Redis: rdb, AppConfig: wx, Readers: fleet.NewReaders(store, rdb, nil), Templates: library.New(library.Deps{}),
		Quota: quota.New(quota.Deps{Ledger: store, Pools: pool.New(func(name string) *ratelimit.Quota {
			return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
		}, pool.Options{})}),
	})
	p, err := launcher.Preview(t.Context(), f, launch.PlanOptions{Compare: -1})
	if err != nil {
		t.Fatal(err)
	}
	if d := p.AppConfig; len(d.Apps) != 1 || d.Apps[0].Changes[0].Lines[0] != "~ hello" || d.Kinds[0].Kind != "slogan" {
		t.Errorf("preview: %+v", d)
	}
	applied, err := launcher.Apply(t.Context(), p, launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}

	h := tasks.NewHandler(tasks.HandlerOptions{WeChat: &commits{}, AppConfig: wx, Ledger: store, Permits: permits{}, Log: zerolog.Nop(), Seed: 1})
	target := func() rollout.Target {
		x, err := store.Target(t.Context(), applied.ID, app)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	was := target()
	next := was
	next.Stage = rollout.StageCommit
	if _, err := store.Save(t.Context(), was, next, rollout.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	act := func(readBack bool) {
		t.Helper()
		list, err := store.Claim(t.Context(), rollout.Claim{
			Rollout: applied.ID, Stage: rollout.StageCommit, MaxRank: rollout.Rank(9, 0), ReadBack: readBack, N: 1, Lease: time.Minute,
		})
		if err != nil || len(list) != 1 {
			t.Fatalf("claim: %v, %v", list, err)
		}
		if err := h.Run(t.Context(), list[0]); err != nil {
			t.Fatal(err)
		}
	}
	act(false)
	if x := target(); x.Intent == nil || !strings.Contains(x.LastError.Text, "configure slogan") || appconfig.Explain(x.Intent.What) != "slogan (slogan below the name)" {
		t.Fatalf("after the lost reply: %+v %+v", x.Intent, x.LastError)
	}
	redistest.Advance(m, 2*time.Minute)
	if _, err := store.WakeDue(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	act(true)
	if wx.writes != 1 || wx.texts[app] != "hello" || !strings.Contains(timeline(target()), "configure slogan read back: it took effect") {
		t.Errorf("%d writes, %q, timeline %s", wx.writes, wx.texts[app], timeline(target()))
	}
}

func timeline(x rollout.Target) string {
	var b strings.Builder
	for _, e := range x.Timeline {
		b.WriteString(e.What + " " + e.Note + "; ")
	}
	return b.String()
}
