package app

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// pushes takes WeChat's events: credentials go to the registry, and so do apps that
// come, change what they grant, or go; a verdict wakes its target.
type pushes struct{ *App }

// jobsAtOnce bounds the pushes that are worked on after their answer.
const jobsAtOnce = 64

// Handle implements callback.Sink.
func (p pushes) Handle(ctx context.Context, e callback.Event) error {
	p.metrics.PushAccepted(e.Type)
	switch e.Type {
	case callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay:
		// The push itself proves nothing: it names no version.
		return p.core.ledger.Wake(ctx, e.AppID, e.Type, time.Now(), waitsForAudit)
	case callback.TypeAuthorized, callback.TypeUpdateAuthorized:
		return p.jobs.do(func(ctx context.Context) { p.joined(ctx, e) })
	case callback.TypeUnauthorized:
		if err := p.credential(ctx, e); err != nil {
			return err
		}
		return p.operator.AppLeft(ctx, e.AppID, time.Unix(e.CreateTime, 0))
	case callback.TypeTrial, callback.TypeConversion, callback.TypeEnterprise:
		return p.registered(ctx, e)
	default:
		return p.credential(ctx, e)
	}
}

// registered keeps how a registration ended. An enterprise's app comes with its
// authorization; that of a trial app is pushed next; a converted one is to be read anew.
func (p pushes) registered(ctx context.Context, e callback.Event) error {
	end := operator.RegistrationEnd{AppID: e.AppID, Name: e.Name, Status: e.Status, Text: e.Reason, At: time.Unix(e.CreateTime, 0)}
	switch e.Type {
	case callback.TypeTrial:
		end.Kind, end.ID = apps.KindTrial, e.UniqueID
	case callback.TypeConversion:
		end.Kind, end.ID = apps.KindConversion, e.AppID
	default:
		end.Kind, end.ID = apps.KindEnterprise, e.Code
	}
	if err := p.operator.RegistrationEnded(ctx, end); err != nil {
		return err
	}
	if e.Status != 0 || e.AppID == "" || e.Type == callback.TypeTrial {
		return nil
	}
	if e.AuthCode != "" {
		e.Type = callback.TypeAuthorized
	}
	return p.jobs.do(func(ctx context.Context) { p.joined(ctx, e) })
}

// joined trades the authorization for tokens first: a target that it wakes needs them.
func (p pushes) joined(ctx context.Context, e callback.Event) {
	if err := p.credential(ctx, e); err != nil { // the refresh token is read back when it is needed
		p.log.Warn().Err(err).Stringer("push", e).Msg("authorization not traded for tokens")
	}
	if err := p.operator.AppJoined(ctx, e.AppID, time.Unix(e.CreateTime, 0)); err != nil {
		p.log.Warn().Err(err).Stringer("push", e).Msg("app not noted as authorized; a sync of apps finds it")
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
