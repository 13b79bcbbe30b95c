package tasks

import (
	"context"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/settings"
	"github.com/wxrollout/wxrollout/wxclient"
)

// release publishes the approved version and is done when it is live. Releasing
// publishes whatever passed last, so it is pinned: our audit must be the last one.
func (r *run) release(ctx context.Context) (rollout.Event, error) {
	live, err := r.live(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the live version: %w", err)
	}
	if live {
		return r.goneLive(ctx)
	}
	if in := r.t.Intent; in != nil && in.Op != rollout.OpConfigure {
		if event, err := r.unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event := r.mayRelease(); event != nil {
		return event, nil
	}
	// A release drops domains that the platform registers no more, so they are looked at last.
	if event, err := r.configure(ctx, settings.BeforeRelease); event != nil || err != nil {
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

// goneLive ends the target, once the settings are made that need a live version.
func (r *run) goneLive(ctx context.Context) (rollout.Event, error) {
	if in := r.t.Intent; in != nil && in.Op == rollout.OpRelease {
		if err := r.apply(rollout.Resolved{At: r.now()}); err != nil {
			return nil, err
		}
	}
	if event, err := r.configure(ctx, settings.Live); event != nil || err != nil {
		return event, err
	}
	return rollout.Finished{At: r.now(), End: rollout.StateReleased, Note: "version " + r.plan.Template.Version + " is live"}, nil
}

// live tells whether the live version is ours.
func (r *run) live(ctx context.Context) (bool, error) {
	versions, err := r.wx.VersionInfo(ctx, r.turn.AppID)
	if err != nil {
		return false, err
	}
	return versions.Release != nil && r.ours(versions.Release.Version, versions.Release.Desc), nil
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
// app's last one and it passed.
func (r *run) pin(ctx context.Context) (rollout.Event, error) {
	latest, err := r.latestAudit(ctx)
	if err != nil {
		return nil, fmt.Errorf("pin the release: %w", err)
	}
	if latest.ID == r.t.AuditID && latest.Status == wxclient.AuditPassed && r.ours(latest.Version, latest.Desc) {
		return nil, nil
	}
	return r.failed(rollout.Trouble{
		Stage: r.turn.Stage, Class: "pin", At: r.now(),
		Text: fmt.Sprintf("not released: the last audit is %d (version %q, %s), not our %d; somebody else submitted this app", latest.ID, latest.Version, latest.Status, r.t.AuditID),
	}), nil
}

// widen takes the next step of a gray release.
func (r *run) widen(ctx context.Context, percent int) (rollout.Event, error) {
	running, err := r.wx.GrayPlan(ctx, r.turn.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the gray plan: %w", err)
	}
	// WeChat goes on showing the plan of an earlier version when it is over.
	over := !running.Exists || running.Status == wxclient.GrayFinished || running.Status == wxclient.GrayDeleted
	if over || running.Percentage < percent {
		err = r.attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
			return r.wx.GrayRelease(ctx, r.turn.AppID, wxclient.GrayRequest{Percentage: percent})
		})
		if err != nil {
			return nil, err
		}
	}
	return rollout.GrayStepped{At: r.now(), For: r.plan.Release.Every, Note: fmt.Sprintf("%d%% of users", percent)}, nil
}

// publish makes the call and reads back that it is live.
func (r *run) publish(ctx context.Context) (rollout.Event, error) {
	err := r.attempt(ctx, rollout.OpRelease, func(ctx context.Context) error {
		return r.wx.Release(ctx, r.turn.AppID)
	})
	refused := err
	switch code(err) {
	case codeNoVersion, codeNotReleasable, codeReleased:
		err = nil // what these mean here is only known by reading
	}
	if err != nil {
		return nil, err
	}
	live, err := r.live(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the release: %w", err)
	case live:
		return r.goneLive(ctx)
	case refused != nil:
		return nil, refused
	default:
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonUnknown, For: r.timing.Settle, Note: "released, but another version is live yet"}, nil
	}
}

// plain strips the markup of a reason and folds its white space.
func plain(reason string) string {
	for _, br := range []string{"<br>", "<br/>", "<br />"} {
		reason = strings.ReplaceAll(reason, br, " ")
	}
	return strings.Join(strings.Fields(reason), " ")
}
