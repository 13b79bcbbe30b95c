package tasks

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// stage makes the calls of a stage.
type stage interface {
	// act gathers facts, makes the calls, and gives the event for the target.
	act(ctx context.Context) (rollout.Event, error)
	// failed acts on an error of act.
	failed(ctx context.Context, err error) rollout.Event
}

// actFunc is act of one stage.
type actFunc func(ctx context.Context) (rollout.Event, error)

// stageOf is the stage of a run.
func stageOf(r *run) stage {
	wx := r.h.wx
	var act actFunc
	switch r.assignment.Stage {
	case rollout.StagePreflight:
		act = preflight{r, wx}.act
	case rollout.StageCommit:
		act = commit{r, wx}.act
	case rollout.StageCheck:
		act = check{r, wx}.act
	case rollout.StageSubmit:
		act = submit{r, wx, wx}.act
	case rollout.StageVerdict:
		act = verdict{r, wx}.act
	case rollout.StageRelease:
		act = release{r, wx, wx}.act
	case rollout.StageUndo:
		act = undo{r, wx, wx}.act
	}
	return afterMerchant{actor: r.h.actor(r), wx: wx, next: act}
}

// merchantAPI reads what a merchant changes.
type merchantAPI interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
}

// afterMerchant makes the calls of a stage, unless its last write was refused for what only the
// merchant can change, and a read shows no change.
type afterMerchant struct {
	actor
	wx   merchantAPI
	next actFunc
}

func (m afterMerchant) act(ctx context.Context) (rollout.Event, error) {
	proof := m.facts().MerchantProof()
	if proof == "" {
		return m.next(ctx)
	}
	acted, err := m.acted(ctx, proof)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read whether the merchant acted: %w", err)
	case !acted:
		return m.wait(rollout.ReasonMerchant, m.h.timing.Merchant, *m.t.LastError), nil
	default:
		return m.next(ctx)
	}
}

// acted reads whether the merchant acted.
func (m afterMerchant) acted(ctx context.Context, proof classify.Proof) (bool, error) {
	if proof == classify.ProofCategory {
		categories, err := m.wx.Categories(ctx, m.assignment.AppID)
		return len(categories) > 0, err
	}
	info, err := m.wx.AuthorizerInfo(ctx, m.assignment.AppID)
	if proof == classify.ProofProfile {
		return info.NickName != "" && info.HeadImage != "" && info.Signature != "", err
	}
	return info.Has(permissionSet), err
}
