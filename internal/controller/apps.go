package controller

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/fleet"
)

const (
	// appsEvery is how often the loop checks whether a sync is due.
	appsEvery = 2 * time.Second
	// appsCredential caps the backoff while the platform's credentials fail: a platform without a
	// ticket waits for minutes, and the sync should begin soon after it comes.
	appsCredential = 4 * time.Second
)

// AppSyncer keeps the app registry in step with WeChat's list.
type AppSyncer interface {
	Reconcile(ctx context.Context, rate int) (done fleet.Synced, synced bool, err error)
}

// Apps is the loop that keeps the app registry in step with WeChat's list.
type Apps struct {
	Syncer AppSyncer
	// Rate is how many calls a second a sync makes.
	Rate int
	Log  zerolog.Logger
}

// Reconcile implements Reconciler.
func (a Apps) Reconcile(ctx context.Context) (next time.Duration, err error) {
	done, synced, err := a.Syncer.Reconcile(ctx, a.Rate)
	if synced {
		a.Log.Info().Int("listed", done.Listed).Int("joined", done.Joined).Int("left", done.Left).Int("read", done.Read).
			Int("failed", done.Failed).Strs("errors", done.Errors).Bool("resumed", done.Resumed).Msg("apps synced")
	}
	switch {
	case credential.AtFault(err):
		return appsCredential, err
	case err != nil:
		return 0, err
	default:
		return appsEvery, nil
	}
}
