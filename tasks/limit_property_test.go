package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// life is how WeChat answers one target, from its first stage to its end.
type life struct {
	// moods are the answers of each endpoint in order; the last one is for ever.
	moods map[string][]mood
	stage rollout.Stage // where it begins
	gray  bool
	foes  rollout.InAudit // the plan's in_audit
	// prior: another tool's audit was rejected before.
	prior bool
	// verdict is the poll after which the audit has passed; 0: never.
	verdict int
}

// mood is an answer: an errcode, or one of these.
type mood int64

const (
	fine   mood = 0
	unsent mood = 1 // no connection
	broken mood = 2 // nothing happened, and the reply can't be read
	lost   mood = 3 // it took effect, and the reply is lost
	vain   mood = 4 // answers ok, and nothing happens
	blank  mood = 5 // a read whose texts are blank
	noID   mood = 6 // an audit without its id
	void   mood = 7 // blank, and without its id
)

func (m mood) String() string {
	if m >= unsent && m <= void {
		return []string{"", "unsent", "broken", "lost", "vain", "blank", "noID", "void"}[m]
	}
	return fmt.Sprint(int64(m))
}

// lives draws one: most endpoints are fine, some fail, for a while or for ever.
func lives() *rapid.Generator[life] {
	writes := map[string][]mood{
		"commit":       {-1, 40001, 85045, 85014, 9402202, 85085, 48001, 86002, 99999, 45009, broken, lost, vain, unsent},
		"submit":       {-1, 40001, 85085, 85085, 85009, 86002, 85008, 61039, 85086, 9402202, 99999, broken, lost, vain, unsent},
		"release":      {-1, 40001, 85019, 85020, 85052, 9402202, 99999, broken, lost, vain, unsent},
		"gray-release": {-1, 85080, 85082, 99999, broken, lost, vain},
		"revert":       {-1, 87012, 99999, broken, lost, vain},
		"revert-gray":  {-1, 99999, broken, lost, vain},
		"undo":         {-1, 87012, 87013, 99999, broken, lost, vain},
	}
	reads := []mood{-1, -1, 40001, 45011, 48001, 61003, 99999, broken, unsent, blank, blank, blank, void, noID, 85058}
	return rapid.Custom(func(t *rapid.T) life {
		l := life{
			moods: map[string][]mood{}, gray: rapid.Bool().Draw(t, "gray"),
			foes:    rapid.SampledFrom([]rollout.InAudit{rollout.InAuditWait, rollout.InAuditWithdraw, rollout.InAuditSkip}).Draw(t, "in_audit"),
			stage:   rapid.SampledFrom([]rollout.Stage{rollout.StagePreflight, rollout.StagePreflight, rollout.StageUndo}).Draw(t, "stage"),
			verdict: rapid.SampledFrom([]int{1, 2, 5, 0}).Draw(t, "verdict"), prior: rapid.Bool().Draw(t, "prior"),
		}
		// One endpoint to three fail, after some good answers: for a while, or for ever.
		names := slices.Sorted(maps.Keys(writes))
		for _, name := range []string{"authorizer-info", "version-info", "latest-audit", "audit-status", "gray-plan", "privacy", "categories"} {
			names, writes[name] = append(names, name, name), reads
		}
		for range rapid.IntRange(1, 3).Draw(t, "troubled") {
			name := rapid.SampledFrom(names).Draw(t, "endpoint")
			list := slices.Repeat([]mood{fine}, rapid.IntRange(0, 6).Draw(t, "good before"))
			list = append(list, rapid.SliceOfN(rapid.SampledFrom(writes[name]), 1, 3).Draw(t, name)...)
			if rapid.Bool().Draw(t, "passes") {
				list = append(list, fine)
			}
			l.moods[name] = list
		}
		return l
	})
}

// liver lives a life: the WeChat, the ledger and the clock of one target.
type liver struct {
	life
	cloud  *cloud
	now    time.Time
	target rollout.Target
	plan   rollout.Plan
	paused bool
	closed bool
	// old is the deliberate bug: parks don't count, as busy ones once did not.
	old bool

	calls  map[string]int // by endpoint, over the whole life
	writes map[string]int // by stage and op
	polls  int
	// reported holds, by read of this assignment, whether its last reply showed the owner.
	reported map[string]bool
	open     bool // this assignment began with a commit of unknown outcome
	took     bool // a release was taken in this assignment
	fault    string
}

// begin is far ahead: deadlines of a life's clock must not end on the real one.
var begin = t0.AddDate(100, 0, 0)

func newLiver(l life, old bool) *liver {
	plan := testPlan()
	plan.Audit.InAudit = l.foes
	if l.gray {
		plan.Release.Gray, plan.Release.Every = []int{5, 100}, time.Hour
	}
	v := &liver{
		life: l, now: begin, plan: plan, old: old, calls: map[string]int{}, writes: map[string]int{},
		cloud:  &cloud{apps: map[string]*cloudApp{"wx1": {live: wxclient.VersionEntry{Time: 1, Version: "1.0.0", Desc: "by hand"}}}, rest: 1 << 40, audit: 40},
		target: rollout.Target{Rollout: "r1", AppID: "wx1", Stage: l.stage, State: rollout.StatePending, Attempt: 1, Since: begin},
	}
	if l.prior {
		a := v.cloud.apps["wx1"]
		a.audits = []wxclient.Audit{{ID: 7, Status: wxclient.AuditRejected, Version: "1.0.0", Desc: "by hand"}}
	}
	if l.stage == rollout.StageUndo { // our version is live, by audit 41
		a := v.cloud.apps["wx1"]
		a.before, a.live, a.published = []wxclient.VersionEntry{a.live}, wxclient.VersionEntry{Time: 2, Version: ourVersion, Desc: ourDesc}, 41
		a.audits = []wxclient.Audit{{ID: 41, Status: wxclient.AuditPassed, Version: ourVersion, Desc: ourDesc}}
		v.target.AuditID = 41
	}
	return v
}

func (v *liver) breach(format string, args ...any) {
	if v.fault == "" {
		v.fault = fmt.Sprintf(format, args...)
	}
}

// mood is the next answer of an endpoint.
func (v *liver) mood(name string) mood {
	list := v.moods[name]
	n := v.calls[name]
	v.calls[name]++
	if len(list) == 0 {
		return fine
	}
	return list[min(n, len(list)-1)]
}

func (v *liver) refusal(name string, m mood) error {
	endpoint := "/wxa/" + name
	if name == "submit" {
		endpoint = "/wxa/submit_audit"
	}
	return &wxclient.Error{Endpoint: endpoint, Code: int64(m), Msg: "m", RID: "rid-1", Class: wxclient.ClassOf(int64(m))}
}

// livedRead is a read of one life.
func livedRead[T any](v *liver, name string, do func(m mood) (T, error)) (T, error) {
	switch m := v.mood(name); m {
	case fine, blank, noID, void:
		return do(m)
	case unsent:
		return *new(T), &wxclient.NotSentError{Endpoint: name, Err: context.DeadlineExceeded}
	case broken, lost, vain:
		return *new(T), &wxclient.OutcomeUnknownError{Endpoint: name, Err: context.DeadlineExceeded}
	default:
		return *new(T), v.refusal(name, m)
	}
}

// needs are the reads that must have reported whose it is, before a write.
var needs = map[string][]string{
	"submit": {"trial", "audit"}, "undo": {"audit"}, "release": {"audit"}, "gray-release": {"audit"}, "revert": {"live"},
}

// answerKind groups the answers to writes that share a limit, and says how many of them a stage may get.
func answerKind(name string, m mood) (kind string, most int) {
	switch m {
	case fine, blank, noID, void:
		return "taken", 1
	case unsent:
		return "busy", rollout.CauseBusy.MaxTries()
	case broken, lost, vain, 9402202:
		return "unshown", rollout.CauseUnshown.MaxTries()
	case -1:
		if name == "submit" {
			return "submit-busy", rollout.CauseSubmitBusy.MaxTries()
		}
		return "busy", rollout.CauseBusy.MaxTries()
	case 40001:
		return "token", rollout.CauseToken.MaxTries()
	case 85085:
		if name == "submit" {
			return "quota", rollout.CauseQuota.MaxTries()
		}
		return "contradicted", rollout.CauseContradicted.MaxTries()
	case 85009, 85019, 85020, 85052, 85080, 85082, 87012:
		return "contradicted", rollout.CauseContradicted.MaxTries()
	case 86002, 85008, 48001:
		return "refused", rollout.CauseRefused.MaxTries()
	case 61039:
		return "external", rollout.CauseExternal.MaxTries()
	case 87013:
		return "throttle", rollout.CauseThrottle.MaxTries()
	default: // not listed, or the plan's or the app's fault
		return "final", 1
	}
}

// write counts a write by its answer. A stage that went back to commit, and each gray step, begin
// with new counts.
func (v *liver) write(name string, m mood) {
	k, most := answerKind(name, m)
	what := fmt.Sprintf("%s %s answered %s (redone %d, gray %d)", v.target.Stage, name, k, v.target.Redone, v.target.Gray)
	if v.writes[what]++; v.writes[what] > most {
		v.breach("%d writes of %s, at most %d are promised", v.writes[what], what, most)
	}
	if name == "commit" && v.open && !v.reported["trial"] {
		v.breach("commit while the outcome of the one before is unknown")
	}
}

// livedWrite is a write of one life.
func livedWrite[T any](v *liver, name string, do func() (T, error)) (T, error) {
	m := v.mood(name)
	v.write(name, m)
	for _, read := range needs[name] {
		if !v.reported[read] {
			v.breach("%s at %s while %s is unknown", name, v.target.Stage, read)
		}
	}
	lostReply := &wxclient.OutcomeUnknownError{Endpoint: name, Err: context.DeadlineExceeded}
	switch m {
	case fine, blank, noID, void:
		return do()
	case vain:
		if name == "submit" { // an id of no audit
			return *new(T), lostReply
		}
		return *new(T), nil
	case unsent:
		return *new(T), &wxclient.NotSentError{Endpoint: name, Err: context.DeadlineExceeded}
	case broken:
		return *new(T), lostReply
	case lost:
		_, _ = do()
		return *new(T), lostReply
	default:
		return *new(T), v.refusal(name, m)
	}
}

func livedDo(v *liver, name string, do func() error) error {
	_, err := livedWrite(v, name, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// lived lives it to its end; the error says what it broke. A pool that closed or a rollout that was
// paused ends it too: no target is dispatched then.
func (v *liver) lived(ctx context.Context) error {
	h := NewHandler(HandlerOptions{WeChat: v, Ledger: v, Permits: v, Log: zerolog.Nop(), Seed: 1, Now: func() time.Time { return v.now }})
	for range 5000 {
		assignment := rollout.Assignment{Rollout: "r1", AppID: "wx1", Stage: v.target.Stage, Permit: v.target.Stage == rollout.StageSubmit && v.target.Intent == nil}
		err := h.Run(ctx, assignment)
		wait := v.target.Wait
		v.target.Wait = 0
		var ask *queue.Again
		if errors.As(err, &ask) {
			wait = max(wait, ask.Delay)
		} else if err != nil {
			return err
		}
		v.judge()
		switch {
		case v.fault != "":
			return errors.New(v.fault)
		case v.target.State.Ended(), v.paused, v.closed:
			return nil
		case v.target.State == rollout.StateParked && wait <= 0:
			return fmt.Errorf("parked for %s without a wake", v.target.Reason)
		}
		v.now = v.now.Add(wait + time.Second)
		v.target.State, v.target.Reason = rollout.StatePending, "" // a read-back has its intent
	}
	return fmt.Errorf("it does not end: %+v: %s, tries %v, waits %+v, writes %v", v.target.Timeline, place(v.target), v.target.Tries, v.target.Waits, v.writes)
}

// judge looks at how an assignment ended: no end and no blame without a fact.
func (v *liver) judge() {
	t := v.target
	tr := t.LastError
	switch {
	case t.State == rollout.StateReleased && !v.reported["live"] && !v.took:
		v.breach("released, and nothing shows it")
	case t.State == rollout.StateUndone && (!v.reported["live"] || !v.reported["audit"]):
		v.breach("undone, and nothing shows it")
	case t.State == rollout.StateFailed && (tr == nil || tr.Text == ""):
		v.breach("failed without a text")
	case t.State == rollout.StateFailed && strings.Contains(tr.Text, "another system submitted") && !v.reported["audit"]:
		v.breach("blames another system, and nothing shows it: %s", tr.Text)
	}
}

// TestWritesAreBounded lets WeChat answer each endpoint of a target as it likes: busy, refused,
// blank, broken or lost, for a while or for ever. It holds that
//   - a stage makes no more writes that are answered alike than docs/limits.md promises,
//   - no write, end or blame follows from a read that does not show the owner,
//   - the target ends, or its pool is closed or its rollout paused; a parked one has a wake.
func TestWritesAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := lives().Draw(r, "life")
		if err := newLiver(l, false).lived(t.Context()); err != nil {
			r.Fatal(err)
		}
	})
}

// The property catches the counting of before: parks that don't count.
func TestWritesAreBoundedCatchesUncountedParks(t *testing.T) {
	t.Parallel()
	for seed := range 300 {
		l := lives().Example(seed)
		if err := newLiver(l, true).lived(t.Context()); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Error("300 lives, and none shows that parks are not counted")
}
