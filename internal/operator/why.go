package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/tasks/stage"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Explanation describes an app's state in each of its rollouts.
type Explanation struct {
	AppID string `json:"appid"`
	Label string `json:"label,omitempty"`
	// Owner is the rollout that works on the app; others wait for it.
	Owner string `json:"owner,omitempty"`
	// Places are its targets: of unfinished rollouts, then of ended ones, newest first.
	Places []Place `json:"places"`
	// Unreadable says of which rollouts the ledger's records can't be read: the app
	// may have a place there too.
	Unreadable []string `json:"unreadable,omitempty"`
	// Live is WeChat's side, if it was asked.
	Live *Live `json:"live,omitempty"`
}

// Place is one target in words.
type Place struct {
	Rollout string         `json:"rollout"`
	Status  rollout.Status `json:"status"`
	view.Row
	// Waits says what it waits for, or how it ended.
	Waits string `json:"waits"`
	// Next is what a person should do; "" for nothing.
	Next string `json:"next,omitempty"`
	// Intent is a call with an unknown result, Doing the call in words.
	Intent *rollout.Intent `json:"intent,omitempty"`
	Doing  string          `json:"-"`
	// Timeline is what happened, oldest first.
	Timeline []view.Entry `json:"timeline"`
}

// Live is what WeChat says of an app now.
type Live struct {
	// Busy is why WeChat was not asked: a worker is calling for the app. Nothing else is known then.
	Busy    string   `json:"busy,omitempty"`
	Trial   *Version `json:"trial"`
	Release *Version `json:"release"`
	Audit   *Audit   `json:"audit"`
}

// Version is one version of an app.
type Version struct {
	// Version is "" when WeChat shows an entry without it: which version it is, is unknown.
	Version string    `json:"version"`
	Desc    string    `json:"desc"`
	At      time.Time `json:"at,omitzero"`
}

// Audit is an app's last audit.
type Audit struct {
	ID      int64  `json:"id"`
	Status  string `json:"status"`
	Version string `json:"version"`
	Reason  string `json:"reason,omitempty"`
}

// whyRecent is how many of the newest rollouts are searched for an app, besides
// the unfinished ones.
const whyRecent = 20

// Why explains the state of an app: in one rollout, or with ref "" in every
// unfinished one and the newest ended ones. An app that none of them has is a
// ledger.ErrNotFound.
func (o *Operator) Why(ctx context.Context, appID, ref string) (Explanation, error) {
	e := Explanation{AppID: appID}
	rollouts, unreadable, err := o.holders(ctx, ref)
	if err != nil {
		return e, err
	}
	if e.Owner, err = o.d.Ledger.Owner(ctx, appID); err != nil {
		return e, err
	}
	facts, err := o.facts(ctx, e.Owner)
	if err != nil {
		return e, err
	}
	for _, r := range rollouts {
		t, err := o.d.Ledger.Target(ctx, r.ID, appID)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if broken := (*ledger.BrokenError)(nil); errors.As(err, &broken) {
			unreadable = append(unreadable, broken)
			continue
		}
		if err != nil {
			return e, err
		}
		if e.Label == "" {
			e.Label = t.Label
		}
		if facts.limit, err = o.limitOf(ctx, r, t); err != nil {
			return e, err
		}
		waits, next := facts.explain(r, t)
		p := Place{Rollout: r.ID, Status: r.Status, Row: view.RowOf(r, t), Waits: waits, Next: next, Intent: t.Intent, Timeline: view.Timeline(t)}
		if t.Intent != nil {
			p.Doing = intentWords(*t.Intent)
		}
		e.Places = append(e.Places, p)
	}
	for _, b := range unreadable {
		e.Unreadable = append(e.Unreadable, b.Error())
	}
	if len(e.Places) == 0 && len(unreadable) > 0 {
		return e, fmt.Errorf("app %s: %w", appID, ledger.JoinBroken(unreadable))
	}
	if len(e.Places) == 0 {
		where := fmt.Sprintf("the unfinished and the last %d rollouts", whyRecent)
		if ref != "" {
			where = "rollout " + rollouts[0].ID
		}
		return e, fmt.Errorf("app %s in %s: %w", appID, where, ledger.ErrNotFound)
	}
	return e, nil
}

// holders are the rollouts to search, unfinished ones first, each newest first, and
// those that can't be read.
func (o *Operator) holders(ctx context.Context, ref string) ([]rollout.Rollout, []*ledger.BrokenError, error) {
	if ref != "" {
		r, err := o.Rollout(ctx, ref)
		return []rollout.Rollout{r}, nil, err
	}
	list, err := o.d.Ledger.Active(ctx)
	broken, err := ledger.Broken(err)
	if err != nil {
		return nil, nil, err
	}
	recent, err := o.d.Ledger.Rollouts(ctx, 0, whyRecent)
	old, err := ledger.Broken(err)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range old {
		if !slices.ContainsFunc(broken, func(x *ledger.BrokenError) bool { return x.Rollout == b.Rollout }) {
			broken = append(broken, b)
		}
	}
	for _, r := range recent {
		if !slices.ContainsFunc(list, func(x rollout.Rollout) bool { return x.ID == r.ID }) {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b rollout.Rollout) int {
		if a.Status.Ended() != b.Status.Ended() {
			if a.Status.Ended() {
				return 1
			}
			return -1
		}
		return b.Created.Compare(a.Created)
	})
	return list, broken, nil
}

// facts are what an explanation needs besides the target.
type facts struct {
	owner   rollout.Rollout // that works on the app
	pools   map[rollout.Stage]quota.Pool
	workers map[rollout.QueueName]int
	// paused are the paused Asynq queues.
	paused map[rollout.QueueName]queue.Paused
	// limit is what binds the submissions of the rollout at hand; nil if nothing does.
	limit *rollout.Limit
	// quarantine is how long no assignments are given after a restart of Redis.
	quarantine time.Duration
	// fault is the active fault of the platform; nil for none.
	fault *ledger.PlatformFault
}

func (o *Operator) facts(ctx context.Context, owner string) (facts, error) {
	f := facts{owner: o.ownerOf(ctx, owner), pools: make(map[rollout.Stage]quota.Pool)}
	pools, err := o.d.Quota.Pools(ctx)
	if err != nil {
		return f, err
	}
	for _, p := range pools {
		f.pools[p.Stage] = p
	}
	if f.quarantine, err = o.d.Ledger.Quarantine(ctx); err != nil {
		return f, err
	}
	if f.fault, err = o.d.Ledger.PlatformFault(ctx); err != nil {
		return f, err
	}
	if f.workers, err = o.d.Ledger.Capacity(ctx); err != nil {
		return f, err
	}
	f.paused, err = o.pausedQueues(ctx)
	return f, err
}

// pausedQueues are the paused Asynq queues by queue.
func (o *Operator) pausedQueues(ctx context.Context) (map[rollout.QueueName]queue.Paused, error) {
	list, err := queue.PausedQueues(ctx, o.d.Redis)
	out := make(map[rollout.QueueName]queue.Paused, len(list))
	for _, p := range list {
		out[p.QueueName] = p
	}
	return out, err
}

// explain says what a target waits for and what to do.
func (f facts) explain(r rollout.Rollout, t rollout.Target) (waits, next string) {
	switch {
	case t.State.Ended():
		if t.Stage == rollout.StageUndo && t.State == rollout.StateFailed {
			return endedWords(t), "fix the cause, or go back at mp.weixin.qq.com; enqueue undo " + r.ID + " --state failed tries again"
		}
		if left := t.AuditID != 0 || t.Intent != nil || t.Gray > 0; left && t.State == rollout.StateAborted {
			return endedWords(t), fmt.Sprintf("enqueue undo %s --app %s looks at WeChat and takes back what is there; apply the plan again with --again to go on", r.ID, t.AppID)
		}
		if t.LastError != nil && t.LastError.Next != "" && t.State == rollout.StateFailed {
			return endedWords(t), t.LastError.Next
		}
		return endedWords(t), view.Next(r.ID, t.State, "", view.LastErrorOf(t.LastError))
	case r.Status == rollout.StatusLoading:
		return "its rollout is still being written", "if its apply was interrupted, run the same apply again"
	case r.Status == rollout.StatusScheduled:
		return "its rollout starts at " + r.StartAt.Format(time.RFC3339), ""
	case t.Stage == rollout.StageUndo && r.Status.Moves(t.Stage): // goes on
	case r.Status == rollout.StatusPaused:
		next = view.PausedNext(r)
		if p := f.pools[rollout.StageSubmit]; p.Punished && !rollout.StageSubmit.Before(t.Stage) {
			next = p.Next()
		}
		return fmt.Sprintf("its rollout is paused by %s: %s", r.By, r.Why), next
	case r.Status == rollout.StatusAborted && t.Intent != nil:
		waits = fmt.Sprintf("its rollout was aborted; what its %s of %s did is read back before it ends", intentWords(*t.Intent), t.Intent.At.Format(time.RFC3339))
		if t.LastError != nil {
			waits += ": " + t.LastError.Text
		}
		return waits, f.workersMissing(t.Stage)
	case r.Status == rollout.StatusAborted:
		return "its rollout was aborted; the target ends soon", ""
	}
	switch {
	case f.fault != nil && t.State != rollout.StateParked:
		return view.Fault(*f.fault), view.FaultNext(*f.fault)
	case t.State == rollout.StatePending:
		return f.pending(r, t)
	case t.State == rollout.StateRunning && t.Reason == rollout.ReasonActing:
		return "a worker acts on it now" + panicWords(t), ""
	case t.State == rollout.StateRunning:
		if p, paused := f.paused[t.Stage.QueueName()]; paused {
			return "it is in the workers' queue, and " + p.String(), p.Next()
		}
		return "it is in the workers' queue", f.workersMissing(t.Stage)
	default:
		return f.parked(r, t)
	}
}

// pending says why a target has no assignment yet.
func (f facts) pending(r rollout.Rollout, t rollout.Target) (waits, next string) {
	if t.Intent != nil { // no gate, closed stage or quota holds its read-back
		return fmt.Sprintf("what its %s of %s did is unknown; it is read back next", intentWords(*t.Intent), t.Intent.At.Format(time.RFC3339)), f.workersMissing(t.Stage)
	}
	if t.Wave() > r.Reach(t.Stage) {
		wave, gate, _ := r.Gate()
		waits = fmt.Sprintf("its wave %s is not open: wave %s comes before it", view.WaveName(r, t.Wave()), view.WaveName(r, wave))
		if gate.Decision == rollout.DecisionTrip {
			waits = fmt.Sprintf("the gate of wave %s has tripped", view.WaveName(r, wave))
		}
		if gate.Why != "" {
			waits += ": " + gate.Why
		}
		if gate.Decision == rollout.DecisionFail || gate.Decision == rollout.DecisionTrip || view.Blocked(r) != "" {
			next = view.PromoteCommand(r.ID, view.WaveName(r, wave+1))
		}
		return waits, next
	}
	if p := f.pools[t.Stage]; !p.Open() {
		if f.limit != nil && f.limit.Kind == rollout.LimitExhausted { // units end it, not the next try
			return "it waits for quota: " + f.limit.String(), quota.LimitNext(f.limit)
		}
		waits = fmt.Sprintf("the %s stage is closed for every app: %s", t.Stage, p.Words)
		if !p.RetryAt.IsZero() {
			waits += "; tried again at " + p.RetryAt.Format(time.RFC3339)
		}
		return waits, p.Next()
	}
	if f.quarantine > 0 {
		return (&rollout.QuarantineError{Left: f.quarantine}).Error(), ""
	}
	if f.limit != nil {
		return "it waits for quota: " + f.limit.String(), quota.LimitNext(f.limit)
	}
	if p, paused := f.paused[t.Stage.QueueName()]; paused {
		return "it waits for its turn, and " + p.String(), p.Next()
	}
	return "it waits for its turn", f.workersMissing(t.Stage)
}

// limitOf is what binds the submission of a target that waits for it.
func (o *Operator) limitOf(ctx context.Context, r rollout.Rollout, t rollout.Target) (*rollout.Limit, error) {
	if t.Stage != rollout.StageSubmit || t.State != rollout.StatePending || t.Intent != nil {
		return nil, nil
	}
	limits, err := o.d.Quota.Limits(ctx, r)
	if err != nil {
		return nil, err
	}
	return limits[0], nil
}

// workersMissing returns the advice to start a worker if none of the stage's queue is alive,
// otherwise "".
func (f facts) workersMissing(s rollout.Stage) string {
	if f.workers[s.QueueName()] > 0 {
		return ""
	}
	return fmt.Sprintf("no worker of the %s queue is alive: start one", s.QueueName())
}

func (f facts) parked(r rollout.Rollout, t rollout.Target) (waits, next string) {
	if lastErrorClass(t) == rollout.ClassPanic {
		return "it is tried again soon" + panicWords(t), view.PanicNext
	}
	if t.Reason == rollout.ReasonOwner {
		waits = waitsForOwner(r.ID, f.owner)
		if f.owner.ID != "" && f.owner.ID != r.ID && r.Plan.Precedence() > f.owner.Plan.Precedence() {
			waits += "; it takes the app when the call, the unknown reply or the gray release under way has ended"
		}
		return waits, ownerNext(f.owner)
	}
	return view.WaitsFor(t), view.ParkedNext(r.ID, t.Reason, view.LastErrorOf(t.LastError))
}

// endedWords say how a target ended.
func endedWords(t rollout.Target) string {
	words := map[rollout.State]string{
		rollout.StateReleased: "it is live with the plan's version",
		rollout.StateUpToDate: "it was live with the plan's version before",
		rollout.StateSkipped:  "it was left alone",
		rollout.StateRejected: "WeChat's auditors refused it",
		rollout.StateFailed:   "it failed",
		rollout.StateAborted:  "its rollout was aborted before it ended",
		rollout.StateUndone:   "its upgrade was taken back",
	}[t.State]
	noted := t.State == rollout.StateSkipped || t.State == rollout.StateUndone || t.State == rollout.StateAborted
	if n := len(t.Timeline); n > 0 && t.Timeline[n-1].What == string(t.State) && t.Timeline[n-1].Note != "" {
		note := t.Timeline[n-1].Note
		if t.State == rollout.StateReleased && strings.Contains(note, stage.NotShown) {
			words = "it was released: " + note
		}
		if noted {
			words += ": " + note
		}
	}
	if t.State == rollout.StateAborted && t.AuditID != 0 {
		words += fmt.Sprintf("; audit %d stays as it is at WeChat", t.AuditID)
	}
	if t.LastError != nil && view.IsBad(t.State) {
		words += ": " + t.LastError.Text
	}
	return words
}

// panicWords say how often the target's handler panicked; "" if it never did.
func panicWords(t rollout.Target) string {
	if t.Panics == 0 || t.LastError == nil {
		return ""
	}
	return fmt.Sprintf("; its handler panicked %d times: %s", t.Panics, t.LastError.Text)
}

func lastErrorClass(t rollout.Target) string {
	if t.LastError == nil {
		return ""
	}
	return t.LastError.Class
}

// Live asks WeChat about an app: its trial and live version and its last audit. An app that
// a worker is calling for is not asked about, see Live.Busy.
func (o *Operator) Live(ctx context.Context, appID string) (live Live, err error) {
	if o.d.WeChat == nil {
		return Live{}, &credential.OfflineError{What: "ask about the app"}
	}
	err = o.d.Readers.Borrow(ctx, appID, func(ctx context.Context) error {
		live, err = liveOf(ctx, o.d.WeChat, appID)
		return err
	})
	if lent := (*ledger.LentError)(nil); errors.As(err, &lent) {
		return Live{Busy: lent.Error()}, nil
	}
	return live, err
}

// liveOf makes the calls; the app is lent.
func liveOf(ctx context.Context, wx WeChat, appID string) (Live, error) {
	versions, err := wx.VersionInfo(ctx, appID)
	if err != nil {
		return Live{}, fmt.Errorf("read the versions of %s: %w", appID, err)
	}
	live := Live{Trial: versionOf(versions.Exp), Release: versionOf(versions.Release)}
	audit, err := wx.LatestAudit(ctx, appID)
	if api := (*wxclient.Error)(nil); errors.As(err, &api) && slices.Contains(neverAudited, api.Code) {
		return live, nil
	}
	if err != nil {
		return live, fmt.Errorf("read the last audit of %s: %w", appID, err)
	}
	live.Audit = &Audit{ID: audit.ID, Status: audit.Status.String(), Version: audit.Version, Reason: audit.Reason}
	return live, nil
}

// neverAudited are the answers about an app without any audit.
var neverAudited = []int64{85012, 85058, 86000, 86001}

func versionOf(v *wxclient.VersionEntry) *Version {
	if v == nil {
		return nil
	}
	shown := &Version{Version: v.Version, Desc: v.Desc}
	if v.Time != 0 {
		shown.At = time.Unix(v.Time, 0)
	}
	return shown
}

// intentWords is a call in words.
func intentWords(in rollout.Intent) string {
	in.What = appconfig.Explain(in.What)
	return in.String()
}
