package stage

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// commitAPI are the calls of commit.
type commitAPI interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	Commit(ctx context.Context, appid string, r wxclient.CommitRequest) error
}

// commit uploads the code and is done when the trial version is ours. Each
// commit restarts WeChat's privacy detection, so it is never repeated for a
// later stage's sake.
type commit struct {
	*run.Run
	wx commitAPI
}

func (r commit) act(ctx context.Context) (rollout.Event, error) {
	ext, err := r.Ext.Render(extjson.App{AppID: r.Assignment.AppID, Label: r.Target.Label, Columns: r.Target.Columns})
	if err != nil {
		return nil, &classify.PlanError{Err: fmt.Errorf("render ext.json: %w", err)}
	}
	if in := r.Target.Intent; in != nil && in.Op == rollout.OpCommit {
		there, err := r.ReadTrial(ctx, r.wx)
		if err != nil {
			return nil, fmt.Errorf("read back a commit: %w", err)
		}
		switch there {
		case whose.Ours:
			return rollout.Advanced{At: r.Now(), Note: "the lost commit had taken effect"}, nil
		case whose.Unknown:
			return r.Facts().Unread(run.WhichTrial), nil
		case whose.None:
			if r.Target.Tries[rollout.CauseUnread] > 0 { // WeChat accepted the commit
				return r.Facts().Unread(run.WhichTrial), nil
			}
		}
		if event, err := r.Unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event, err := configure(ctx, r.Run, appconfig.BeforeCommit); event != nil || err != nil {
		return event, err
	}
	err = r.Attempt(ctx, rollout.OpCommit, func(ctx context.Context) error {
		return r.wx.Commit(ctx, r.Assignment.AppID, wxclient.CommitRequest{
			TemplateID: r.Plan.Template.ID, ExtJSON: ext,
			Version: r.Plan.Template.Version, Desc: r.Plan.Desc(r.Assignment.Rollout, r.Target.Revision),
		})
	})
	if err != nil {
		return nil, err
	}
	there, err := r.ReadTrial(ctx, r.wx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the commit: %w", err)
	case there == whose.Ours:
		return rollout.Advanced{At: r.Now()}, nil
	case there == whose.Unknown || there == whose.None: // WeChat does not document that there is none
		return r.Facts().Unread(run.WhichTrial), nil
	default:
		return r.Facts().NotShown("committed, but the trial version is another"), nil
	}
}
