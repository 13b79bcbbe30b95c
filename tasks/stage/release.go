package stage

import (
	"context"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// releaseAPI are the calls of release.
type releaseAPI interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	AuditStatus(ctx context.Context, appid string, auditID int64) (wxclient.Audit, error)
	Release(ctx context.Context, appid string) error
}

// grayAPI are the calls of a gray release.
type grayAPI interface {
	GrayRelease(ctx context.Context, appid string, r wxclient.GrayRequest) error
	GrayPlan(ctx context.Context, appid string) (wxclient.GrayPlan, error)
}

// Errcodes of a release whose meaning only a read shows.
const (
	codeNoVersion     = 85019
	codeNotReleasable = 85020
	codeReleased      = 85052
	codeNoApproved    = 85080 // gray release: no approved version
)

// release publishes the approved version and is done when it is live. WeChat publishes what passed
// last, so a release is pinned: our audit must be the last one.
type release struct {
	*run.Run
	wx       releaseAPI
	grayPort grayAPI
}

func (r release) act(ctx context.Context) (rollout.Event, error) {
	live, _, err := r.ReadLive(ctx, r.wx)
	if err != nil {
		return nil, fmt.Errorf("read the live version: %w", err)
	}
	if live == whose.Ours {
		return r.goneLive(ctx, "version "+r.Plan.Template.Version+" is live")
	}
	if in := r.Target.Intent; in != nil && in.Op != rollout.OpConfigure {
		if live == whose.Unknown {
			return r.Facts().Unread(run.WhichLive), nil
		}
		if event, err := r.Unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event := r.mayRelease(); event != nil {
		return event, nil
	}
	// A release drops domains that the platform's list lacks by then, so they are read last.
	if event, err := configure(ctx, r.Run, appconfig.BeforeRelease); event != nil || err != nil {
		return event, err
	}
	submitted, event, err := r.pin(ctx)
	if event != nil || err != nil {
		return event, err
	}
	if gray := r.Plan.Release.Gray; r.Target.Gray < len(gray) && gray[r.Target.Gray] < 100 {
		return r.widen(ctx, gray[r.Target.Gray], submitted)
	}
	return r.publish(ctx)
}

// goneLive ends the target, once the app configuration is written that needs a live version.
func (r release) goneLive(ctx context.Context, note string) (rollout.Event, error) {
	if in := r.Target.Intent; in != nil && in.Op == rollout.OpRelease {
		if err := r.Apply(rollout.Resolved{At: r.Now()}); err != nil {
			return nil, err
		}
	}
	if event, err := configure(ctx, r.Run, appconfig.Live); event != nil || err != nil {
		return event, err
	}
	return rollout.Finished{At: r.Now(), End: rollout.StateReleased, Note: note}, nil
}

// mayRelease parks the target while the plan's window is closed, or until an operator approves the
// release; nil if it may be released.
func (r release) mayRelease() rollout.Event {
	policy := r.Plan.Release
	if policy.When == rollout.ReleaseManual && !r.Started.ReleaseApproved {
		return rollout.Waited{At: r.Now(), Reason: rollout.ReasonApproval, For: r.Timing.Merchant, Note: "waits for enqueue approve"}
	}
	if policy.Window != nil {
		if wait := policy.Window.Opens(r.Now()); wait > 0 {
			return rollout.Waited{At: r.Now(), Reason: rollout.ReasonWindow, For: wait, Note: "opens at " + policy.Window.String()}
		}
	}
	return nil
}

// pin returns nil if a release would publish our version: our audit is the app's last one, and it
// passed. If the reply lacks the id of the last audit, its texts show whose it is, and our audit is
// read by its id. submitted is when our version was submitted; 0 if WeChat does not show it.
func (r release) pin(ctx context.Context) (submitted int64, event rollout.Event, err error) {
	latest, exists, err := r.ReadAudit(ctx, r.wx)
	if err != nil {
		return 0, nil, fmt.Errorf("pin the release: %w", err)
	}
	last := whose.Audit(r.Mark(), r.Target.AuditID, latest)
	if !exists {
		last = whose.Unknown // there is one: ours
	}
	if last != whose.Anothers && latest.ID == 0 {
		own, err := r.wx.AuditStatus(ctx, r.Assignment.AppID, r.Target.AuditID)
		if err != nil {
			return 0, nil, fmt.Errorf("pin the release to audit %d: %w", r.Target.AuditID, err)
		}
		latest.ID, latest.Status = r.Target.AuditID, own.Status
	}
	switch {
	case last == whose.Anothers:
		return 0, r.unpinned(fmt.Sprintf("not released: the last audit is %d (version %q, %s), not our %d; another system submitted this app",
			latest.ID, latest.Version, latest.Status, r.Target.AuditID), ""), nil
	case !run.Documented(latest):
		return 0, r.Facts().Unread(run.AuditState), nil
	case latest.Status != wxclient.AuditPassed:
		return 0, r.unpinned(fmt.Sprintf("not released: our audit %d is %s now", r.Target.AuditID, latest.Status),
			"look at the audit at mp.weixin.qq.com; then "+r.Facts().Retry("--recommit")), nil
	case last == whose.Unknown:
		return 0, r.Facts().Unread(run.WhoseAudit), nil
	default:
		return latest.SubmittedAt, nil, nil
	}
}

func (r release) unpinned(text, next string) rollout.Event {
	return r.Facts().Failed(rollout.LastError{Stage: r.Assignment.Stage, Class: "pin", At: r.Now(), Text: text, Next: next})
}

// widen takes the next step of a gray release of our version, which was submitted at a time in unix
// seconds; 0 is unknown.
func (r release) widen(ctx context.Context, percent int, submitted int64) (rollout.Event, error) {
	running, err := r.grayPort.GrayPlan(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the gray plan: %w", err)
	}
	switch goesOn := running.Exists && (running.Status == wxclient.GrayRunning || running.Status == wxclient.GrayPaused); {
	case running.Exists && (running.Status < wxclient.GrayInitial || running.Status > wxclient.GrayDeleted):
		return r.Facts().Unread("a documented status of the gray release"), nil
	case goesOn && running.CreatedAt > 0 && running.CreatedAt < submitted:
		return r.unpinned(fmt.Sprintf("a gray release to %d%% of the users runs, which began before our audit %d was submitted: it is another version's",
			running.Percentage, r.Target.AuditID), "end that gray release at mp.weixin.qq.com; then "+r.Facts().Retry("")), nil
	}
	// WeChat still shows the plan of an earlier version after its end.
	over := !running.Exists || running.Status == wxclient.GrayFinished || running.Status == wxclient.GrayDeleted
	if over || running.Percentage < percent {
		err = r.Attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
			return r.grayPort.GrayRelease(ctx, r.Assignment.AppID, wxclient.GrayRequest{Percentage: percent})
		})
		if classify.Code(err) == codeNoApproved {
			return r.refusedRelease(ctx, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return rollout.GrayStepped{At: r.Now(), For: r.Plan.Release.Every, Note: fmt.Sprintf("%d%% of users", percent)}, nil
}

// publish makes the call and reads back that it is live.
func (r release) publish(ctx context.Context) (rollout.Event, error) {
	err := r.Attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
		return r.wx.Release(ctx, r.Assignment.AppID)
	})
	switch classify.Code(err) {
	case codeNoVersion, codeNotReleasable, codeReleased:
		return r.refusedRelease(ctx, err) // only a read shows what these mean here
	}
	if err != nil {
		return nil, err
	}
	live, version, err := r.ReadLive(ctx, r.wx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the release: %w", err)
	case live == whose.Ours:
		return r.goneLive(ctx, "version "+r.Plan.Template.Version+" is live")
	case live == whose.Anothers:
		return r.Facts().NotShown("WeChat answered the release with ok, and " + shows(live, version)), nil
	default:
		return r.goneLive(ctx, unseen)
	}
}

// unseen is the note of a release of our passed audit that WeChat accepted and does not show.
const unseen = "WeChat says so, and " + NotShown + ": look at mp.weixin.qq.com"

// NotShown is in the note of a release that no read has shown as live.
const NotShown = "does not show which version is live"

// shows is the text for the version that WeChat shows as live.
func shows(live whose.Fact, version string) string {
	switch {
	case version != "":
		return "shows " + version + " as live"
	case live == whose.None:
		return "shows no version as live"
	default:
		return NotShown
	}
}

// refusedRelease reads what a refusal means after our audit passed: our version may be live.
func (r release) refusedRelease(ctx context.Context, refused error) (rollout.Event, error) {
	live, version, err := r.ReadLive(ctx, r.wx)
	if err != nil {
		return nil, fmt.Errorf("read the live version after a refused release: %w", err)
	}
	done := classify.Code(refused) == codeReleased
	switch {
	case live == whose.Ours:
		return r.goneLive(ctx, "version "+r.Plan.Template.Version+" is live")
	case done && live != whose.Anothers:
		return r.goneLive(ctx, unseen)
	case done:
		return r.Facts().Contradicted(refused, "WeChat says released, but "+version+" is live",
			classify.CompareLive+r.Facts().Retry("")), nil
	default:
		text := fmt.Sprintf("WeChat says that no approved version is there, but audit %d passed; it %s", r.Target.AuditID, shows(live, version))
		if n := r.Target.Gray; n > 0 {
			text += fmt.Sprintf(", and %d%% of users have ours", r.Plan.Release.Gray[n-1])
		}
		return r.Facts().Contradicted(refused, text,
			"release at mp.weixin.qq.com by hand, or "+r.Facts().Retry("--recommit")), nil
	}
}

// plain strips the markup of a reason and folds its white space.
func plain(reason string) string {
	for _, br := range []string{"<br>", "<br/>", "<br />"} {
		reason = strings.ReplaceAll(reason, br, " ")
	}
	return strings.Join(strings.Fields(reason), " ")
}
