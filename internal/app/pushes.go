package app

import (
	"context"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// pushes takes WeChat's events: credentials go to the registry, a verdict wakes
// its target.
type pushes struct{ *App }

// choresAtOnce bounds the pushes that are worked on after their answer.
const choresAtOnce = 64

// Handle implements callback.Sink.
func (p pushes) Handle(ctx context.Context, e callback.Event) error {
	p.metrics.PushAccepted(e.Type)
	switch e.Type {
	case callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay:
		// The push itself proves nothing: it names no version.
		return p.core.ledger.Wake(ctx, e.AppID, e.Type, wallClock{}.Now(), waitsForAudit)
	case callback.TypeAuthorized, callback.TypeUpdateAuthorized:
		return p.chores.do(func(ctx context.Context) {
			if err := p.credential(ctx, e); err != nil { // the refresh token is read back when it is needed
				p.log.Warn().Err(err).Stringer("push", e).Msg("authorization not traded for tokens")
			}
		})
	default:
		return p.credential(ctx, e)
	}
}

// credential hands an event on to whoever keeps the tokens.
func (p pushes) credential(ctx context.Context, e callback.Event) error {
	if p.core.broker != nil { // what it keeps is its own; ours is a memory of seconds
		p.core.broker.Forget(e.AppID)
		return nil
	}
	_, err := p.core.tokens.HandleEvent(ctx, registry.Event{
		Type: e.Type, AppID: e.AppID, CreateTime: e.CreateTime, Ticket: e.Ticket, AuthCode: e.AuthCode,
	})
	return err
}

// waitsForAudit tells whether the end of an audit, its own or another version's,
// may be what a target waits for.
func waitsForAudit(t rollout.Target) bool {
	return t.Stage == rollout.StageVerdict || t.Reason == rollout.ReasonInAudit
}
