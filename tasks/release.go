package tasks

import (
	"context"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// release publishes the approved version and is done when it is live. Releasing
// publishes whatever passed last, so it is pinned: our audit must be the last one.
func (r *run) release(ctx context.Context) (rollout.Event, error) {
	live, _, err := r.live(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the live version: %w", err)
	}
	if live == ours {
		return r.goneLive(ctx, "version "+r.plan.Template.Version+" is live")
	}
	if in := r.t.Intent; in != nil && in.Op != rollout.OpConfigure {
		if live == unknown {
			return r.unread(whichLive), nil
		}
		if event, err := r.unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event := r.mayRelease(); event != nil {
		return event, nil
	}
	// A release drops domains that the platform's list lacks by then, so they are read last.
	if event, err := r.configure(ctx, appconfig.BeforeRelease); event != nil || err != nil {
		return event, err
	}
	if event, err := r.pin(ctx); event != nil || err != nil {
		return event, err
	}
	if gray := r.plan.Release.Gray; r.t.Gray < len(gray) && gray[r.t.Gray] < 100 {
		return r.widen(ctx, gray[r.t.Gray])
	}
	return r.publish(ctx)
}

// whichLive is what a reply lacks that does not tell whose the live version is.
const whichLive = "which version is live"

// goneLive ends the target, once the app configuration is written that needs a live version.
func (r *run) goneLive(ctx context.Context, note string) (rollout.Event, error) {
	if in := r.t.Intent; in != nil && in.Op == rollout.OpRelease {
		if err := r.apply(rollout.Resolved{At: r.now()}); err != nil {
			return nil, err
		}
	}
	if event, err := r.configure(ctx, appconfig.Live); event != nil || err != nil {
		return event, err
	}
	return rollout.Finished{At: r.now(), End: rollout.StateReleased, Note: note}, nil
}

// live reads whose the live version is, and what it is called.
func (r *run) live(ctx context.Context) (whose fact, version string, err error) {
	versions, err := r.wx.VersionInfo(ctx, r.assignment.AppID)
	if err != nil {
		return unknown, "", err
	}
	if versions.Release != nil {
		version = versions.Release.Version
	}
	return liveFact(r.mark(), versions), version, nil
}

// mayRelease parks the target while the plan's window is closed or an operator's
// approval is awaited.
func (r *run) mayRelease() rollout.Event {
	policy := r.plan.Release
	if policy.When == rollout.ReleaseManual && !r.released {
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonApproval, For: r.timing.Merchant, Note: "waits for enqueue approve"}
	}
	if policy.Window != nil {
		if wait := policy.Window.Opens(r.now()); wait > 0 {
			return rollout.Waited{At: r.now(), Reason: rollout.ReasonWindow, For: wait, Note: "opens at " + policy.Window.String()}
		}
	}
	return nil
}

// pin makes sure that a release would publish our version: our audit is the
// app's last one and it passed. Where the last one's id is not told, its texts say whose it is, and
// our own audit is read by its id.
func (r *run) pin(ctx context.Context) (rollout.Event, error) {
	latest, exists, err := r.latestAudit(ctx)
	if err != nil {
		return nil, fmt.Errorf("pin the release: %w", err)
	}
	last := auditFact(r.mark(), r.t.AuditID, latest)
	if !exists {
		last = unknown // there is one: ours
	}
	if last != anothers && latest.ID == 0 {
		own, err := r.wx.AuditStatus(ctx, r.assignment.AppID, r.t.AuditID)
		if err != nil {
			return nil, fmt.Errorf("pin the release to audit %d: %w", r.t.AuditID, err)
		}
		latest.ID, latest.Status = r.t.AuditID, own.Status
	}
	switch {
	case last == anothers:
		return r.unpinned(fmt.Sprintf("not released: the last audit is %d (version %q, %s), not our %d; somebody else submitted this app",
			latest.ID, latest.Version, latest.Status, r.t.AuditID), ""), nil
	case latest.Status != wxclient.AuditPassed:
		return r.unpinned(fmt.Sprintf("not released: our audit %d is %s now", r.t.AuditID, latest.Status),
			"look at the audit at mp.weixin.qq.com; then "+r.retry("--recommit")), nil
	case last == unknown:
		return r.unread("whose the last audit is"), nil
	default:
		return nil, nil
	}
}

func (r *run) unpinned(text, next string) rollout.Event {
	return r.failed(rollout.LastError{Stage: r.assignment.Stage, Class: "pin", At: r.now(), Text: text, Next: next})
}

// widen takes the next step of a gray release.
func (r *run) widen(ctx context.Context, percent int) (rollout.Event, error) {
	running, err := r.wx.GrayPlan(ctx, r.assignment.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the gray plan: %w", err)
	}
	// WeChat goes on showing the plan of an earlier version when it is over.
	over := !running.Exists || running.Status == wxclient.GrayFinished || running.Status == wxclient.GrayDeleted
	if over || running.Percentage < percent {
		err = r.attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
			return r.wx.GrayRelease(ctx, r.assignment.AppID, wxclient.GrayRequest{Percentage: percent})
		})
		if code(err) == codeNoApproved {
			return r.refusedRelease(ctx, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return rollout.GrayStepped{At: r.now(), For: r.plan.Release.Every, Note: fmt.Sprintf("%d%% of users", percent)}, nil
}

// publish makes the call and reads back that it is live.
func (r *run) publish(ctx context.Context) (rollout.Event, error) {
	err := r.attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
		return r.wx.Release(ctx, r.assignment.AppID)
	})
	switch code(err) {
	case codeNoVersion, codeNotReleasable, codeReleased:
		return r.refusedRelease(ctx, err) // what these mean here is only known by reading
	}
	if err != nil {
		return nil, err
	}
	live, version, err := r.live(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the release: %w", err)
	case live == ours:
		return r.goneLive(ctx, "version "+r.plan.Template.Version+" is live")
	case live == anothers:
		return r.notShown("WeChat answered the release with ok, and " + shows(live, version)), nil
	default:
		return r.goneLive(ctx, unseen)
	}
}

// unseen is the note of a release that WeChat took, of our last and passed audit, and does not show.
const unseen = "WeChat says so, and " + NotShown + ": look at mp.weixin.qq.com"

// NotShown is what the note of a release says that nothing showed to be live.
const NotShown = "does not show which version is live"

// compareLive is what a person does when WeChat's answers about the live version disagree.
const compareLive = "compare the live version at mp.weixin.qq.com and release there; then "

// shows says which version WeChat shows as live.
func shows(live fact, version string) string {
	switch {
	case version != "":
		return "shows " + version + " as live"
	case live == none:
		return "shows no version as live"
	default:
		return NotShown
	}
}

// refusedRelease reads what a refusal means after our audit passed: the version may be live.
func (r *run) refusedRelease(ctx context.Context, refused error) (rollout.Event, error) {
	live, version, err := r.live(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the live version after a refused release: %w", err)
	}
	done := code(refused) == codeReleased
	switch {
	case live == ours:
		return r.goneLive(ctx, "version "+r.plan.Template.Version+" is live")
	case done && live != anothers:
		return r.goneLive(ctx, unseen)
	case done:
		return r.contradicted(refused, "WeChat says released, but "+version+" is live",
			compareLive+r.retry("")), nil
	default:
		text := fmt.Sprintf("WeChat says that no approved version is there, but audit %d passed; it %s", r.t.AuditID, shows(live, version))
		if n := r.t.Gray; n > 0 {
			text += fmt.Sprintf(", and %d%% of users have ours", r.plan.Release.Gray[n-1])
		}
		return r.contradicted(refused, text,
			"release at mp.weixin.qq.com by hand, or "+r.retry("--recommit")), nil
	}
}

// plain strips the markup of a reason and folds its white space.
func plain(reason string) string {
	for _, br := range []string{"<br>", "<br/>", "<br />"} {
		reason = strings.ReplaceAll(reason, br, " ")
	}
	return strings.Join(strings.Fields(reason), " ")
}
