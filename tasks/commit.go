package tasks

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/tasks/classify"
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
	*run
	wx commitAPI
}

func (r commit) act(ctx context.Context) (rollout.Event, error) {
	ext, err := r.ext.Render(extjson.App{AppID: r.assignment.AppID, Label: r.t.Label, Columns: r.t.Columns})
	if err != nil {
		return nil, &classify.PlanError{Err: fmt.Errorf("render ext.json: %w", err)}
	}
	if in := r.t.Intent; in != nil && in.Op == rollout.OpCommit {
		there, err := r.readTrial(ctx, r.wx)
		if err != nil {
			return nil, fmt.Errorf("read back a commit: %w", err)
		}
		switch there {
		case ours:
			return rollout.Advanced{At: r.now(), Note: "the lost commit had taken effect"}, nil
		case unknown:
			return r.facts().Unread(whichTrial), nil
		}
		if event, err := r.unresolved(); event != nil || err != nil {
			return event, err
		}
	}
	if event, err := r.configurer().configure(ctx, appconfig.BeforeCommit); event != nil || err != nil {
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
	there, err := r.readTrial(ctx, r.wx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("verify the commit: %w", err)
	case there == ours:
		return rollout.Advanced{At: r.now()}, nil
	case there == unknown:
		return r.facts().Unread(whichTrial), nil
	default:
		return r.facts().NotShown("committed, but the trial version is another"), nil
	}
}
