package stage

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// codePrivacyChecking is the answer while the privacy detection runs.
const codePrivacyChecking = 61039

// checkAPI are the calls of check.
type checkAPI interface {
	CodePrivacyInfo(ctx context.Context, appid string) (wxclient.PrivacyInfo, error)
}

// check waits for the privacy detection of the committed code.
type check struct {
	*run.Run
	wx checkAPI
}

func (r check) act(ctx context.Context) (rollout.Event, error) {
	info, err := r.wx.CodePrivacyInfo(ctx, r.Assignment.AppID)
	if classify.Code(err) == codePrivacyChecking {
		return r.checking(err), nil
	}
	if err != nil {
		return nil, err
	}
	r.Saw(ctx, run.Seen{Privacy: run.PrivacyWords(info)})
	undeclared := r.notAllowed(info.WithoutConf)
	forbidden := r.notAllowed(info.WithoutAuth)
	switch {
	case len(undeclared) > 0 && !r.Plan.Audit.PrivacyAPINotUse:
		return nil, &classify.PlanError{Err: fmt.Errorf("code uses %v without declaring them: add requiredPrivateInfos to the ext file, or set audit.privacy_api_not_use or audit.allow_privacy", undeclared)}
	case len(forbidden) > 0:
		return r.Wait(rollout.ReasonMerchant, r.Timing.Merchant, rollout.LastError{
			Stage: r.Assignment.Stage, Class: string(wxclient.ClassFatalApp), Code: 61040,
			Text: fmt.Sprintf("the app has no right to %v: apply for them, or list them in audit.allow_privacy", forbidden), At: r.Now(),
		}), nil
	}
	event, err := configure(ctx, r.Run, appconfig.AfterCheck)
	switch {
	case classify.Code(err) == codePrivacyChecking:
		return r.checking(err), nil
	case event != nil || err != nil:
		return event, err
	}
	return rollout.Advanced{At: r.Now()}, nil
}

// checking parks until the detection may have ended. A write that is refused for it, although a read
// showed its end, is counted.
func (r check) checking(err error) rollout.Event {
	lastError := r.Facts().LastError(err)
	e := rollout.Waited{
		At: r.Now(), Reason: rollout.ReasonPrivacy,
		For: classify.BackingOff(r.Timing.Privacy, r.Timing.PrivacyMax, r.Target.Polls), LastError: &lastError,
	}
	if classify.OfWrite(err) {
		e.Cause = rollout.CauseExternal
	}
	return e
}

func (r check) notAllowed(apis []string) []string {
	allowed := make(map[string]bool)
	for _, api := range r.Plan.Audit.AllowPrivacy {
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
