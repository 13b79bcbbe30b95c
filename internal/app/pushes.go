package app

import (
	"context"
	"errors"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// pushes takes WeChat's events: credentials go to the registry, a verdict wakes
// its target.
type pushes struct{ *App }

// Handle implements callback.Sink.
func (p pushes) Handle(ctx context.Context, e callback.Event) error {
	p.metrics.PushAccepted(e.Type)
	switch e.Type {
	case callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay:
		return p.wake(ctx, e.AppID, e.Type)
	}
	if p.core.broker != nil { // what it keeps is its own; ours is a memory of seconds
		p.core.broker.Forget(e.AppID)
		return nil
	}
	_, err := p.core.tokens.HandleEvent(ctx, registry.Event{
		Type: e.Type, AppID: e.AppID, CreateTime: e.CreateTime, Ticket: e.Ticket, AuthCode: e.AuthCode,
	})
	return err
}

// wake makes the app's target that waits for a verdict look now. The push itself
// proves nothing: it names no version.
func (p pushes) wake(ctx context.Context, appID, why string) error {
	owner, err := p.core.ledger.Owner(ctx, appID)
	if err != nil || owner == "" {
		return err
	}
	t, err := p.core.ledger.Target(ctx, owner, appID)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil || t.State != rollout.StateParked || t.Stage != rollout.StageVerdict {
		return err
	}
	next, err := rollout.Step(t, rollout.Woken{At: wallClock{}.Now(), Note: why})
	if err != nil {
		return err
	}
	_, err = p.core.ledger.Save(ctx, t, next, rollout.SaveOptions{})
	if errors.As(err, new(*rollout.StaleError)) {
		return nil // it moved by itself meanwhile
	}
	return err
}
