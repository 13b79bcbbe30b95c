package tasks

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/wxclient"
)

// trial reads whose the app's trial version is.
func (r *run) trial(ctx context.Context) (fact, error) {
	versions, err := r.wx.VersionInfo(ctx, r.assignment.AppID)
	if err != nil {
		return unknown, err
	}
	return trialFact(r.mark(), versions), nil
}

// whichTrial is what a reply lacks that does not tell whose the trial version is.
const whichTrial = "which trial version the app has"

// commit uploads the code and is done when the trial version is ours. Each
// commit restarts WeChat's privacy detection, so it is never repeated for a
// later stage's sake.
func (r *run) commit(ctx context.Context) (rollout.Event, error) {
	ext, err := r.ext.Render(extjson.App{AppID: r.assignment.AppID, Label: r.t.Label, Columns: r.t.Columns})
	if err != nil {
		return nil, &planError{fmt.Errorf("render ext.json: %w", err)}
	}
	if in := r.t.Intent; in != nil && in.Op == rollout.OpCommit {
		there, err := r.trial(ctx)
		if err != nil {
			return nil, fmt.Errorf("read back a commit: %w", err)
		}
		switch there {
		case ours:
			return rollout.Advanced{At: r.now(), Note: "the lost commit had taken effect"}, nil
		case unknown:
			return r.unread(whichTrial), nil
		}
		if event, err := r.unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event, err := r.configure(ctx, appconfig.BeforeCommit); event != nil || err != nil {
		return event, err
	}
	err = r.attempt(ctx, rollout.OpCommit, func(ctx context.Context) error {
		return r.wx.Commit(ctx, r.assignment.AppID, wxclient.CommitRequest{
			TemplateID: r.plan.Template.ID, ExtJSON: ext,
			Version: r.plan.Template.Version, Desc: r.plan.Desc(r.assignment.Rollout, r.t.Revision),
		})
	})
	if err != nil {
		return nil, err
	}
	there, err := r.trial(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the commit: %w", err)
	case there == ours:
		return rollout.Advanced{At: r.now()}, nil
	case there == unknown:
		return r.unread(whichTrial), nil
	default:
		return r.notShown("committed, but the trial version is another"), nil
	}
}

// check waits for the privacy detection of the committed code.
func (r *run) check(ctx context.Context) (rollout.Event, error) {
	info, err := r.wx.CodePrivacyInfo(ctx, r.assignment.AppID)
	if code(err) == codePrivacyChecking {
		return r.checking(err), nil
	}
	if err != nil {
		return nil, err
	}
	r.saw(ctx, Seen{Privacy: privacyWords(info)})
	undeclared := r.notAllowed(info.WithoutConf)
	forbidden := r.notAllowed(info.WithoutAuth)
	switch {
	case len(undeclared) > 0 && !r.plan.Audit.PrivacyAPINotUse:
		return nil, &planError{fmt.Errorf("code uses %v without declaring them: add requiredPrivateInfos to the ext file, or set audit.privacy_api_not_use or audit.allow_privacy", undeclared)}
	case len(forbidden) > 0:
		return r.wait(rollout.ReasonMerchant, r.timing.Merchant, rollout.LastError{
			Stage: r.assignment.Stage, Class: string(wxclient.ClassFatalApp), Code: 61040,
			Text: fmt.Sprintf("the app has no right to %v: apply for them, or list them in audit.allow_privacy", forbidden), At: r.now(),
		}), nil
	}
	event, err := r.configure(ctx, appconfig.AfterCheck)
	switch {
	case code(err) == codePrivacyChecking:
		return r.checking(err), nil
	case event != nil || err != nil:
		return event, err
	}
	return rollout.Advanced{At: r.now()}, nil
}

// checking parks until the detection may have ended. A write that is refused for it although the
// detection read as ended is counted.
func (r *run) checking(err error) rollout.Event {
	lastError := r.lastError(err)
	e := rollout.Waited{
		At: r.now(), Reason: rollout.ReasonPrivacy,
		For: backingOff(r.timing.Privacy, r.timing.PrivacyMax, r.t.Polls), LastError: &lastError,
	}
	if wrote(err) {
		e.Cause = rollout.CauseExternal
	}
	return e
}

func (r *run) notAllowed(apis []string) []string {
	allowed := make(map[string]bool)
	for _, api := range r.plan.Audit.AllowPrivacy {
		allowed[api] = true
	}
	var out []string
	for _, api := range apis {
		if !allowed[api] {
			out = append(out, api)
		}
	}
	return out
}
