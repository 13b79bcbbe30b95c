package stage

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// API is the union of what the stages call.
type API interface {
	preflightAPI
	commitAPI
	checkAPI
	submitAPI
	itemsAPI
	verdictAPI
	releaseAPI
	grayAPI
	undoAPI
	revertAPI
	readBackAPI
	merchantAPI
}

// Act makes the calls of a stage: it gathers facts, and returns the event for the target.
type Act func(ctx context.Context) (rollout.Event, error)

// Of is the stage of a run.
func Of(r *run.Run, wx API) Act {
	var act Act
	switch r.Assignment.Stage {
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
	return afterMerchant{r, wx, act}.act
}

// merchantAPI reads what a merchant changes.
type merchantAPI interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
}

// afterMerchant makes the calls of a stage, unless its last write was refused for what only the
// merchant can change, and a read shows no change.
type afterMerchant struct {
	*run.Run
	wx   merchantAPI
	next Act
}

func (m afterMerchant) act(ctx context.Context) (rollout.Event, error) {
	proof := m.Facts().MerchantProof()
	if proof == "" {
		return m.next(ctx)
	}
	acted, err := m.acted(ctx, proof)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read whether the merchant acted: %w", err)
	case !acted:
		return m.Wait(rollout.ReasonMerchant, m.Timing.Merchant, *m.Target.LastError), nil
	default:
		return m.next(ctx)
	}
}

// acted reads whether the merchant acted.
func (m afterMerchant) acted(ctx context.Context, proof classify.Proof) (bool, error) {
	if proof == classify.ProofCategory {
		categories, err := m.wx.Categories(ctx, m.Assignment.AppID)
		return len(categories) > 0, err
	}
	info, err := m.wx.AuthorizerInfo(ctx, m.Assignment.AppID)
	if proof == classify.ProofProfile {
		return info.NickName != "" && info.HeadImage != "" && info.Signature != "", err
	}
	return info.Has(PermissionSet), err
}
