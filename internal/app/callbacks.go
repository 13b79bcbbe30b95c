package app

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// callbacks handles WeChat's callbacks: credentials go to the registry, events of apps to the fleet,
// and a verdict wakes its target.
type callbacks struct{ *App }

// jobsAtOnce bounds the background jobs of callbacks.
const jobsAtOnce = 64

// Handle implements callback.Sink.
func (c callbacks) Handle(ctx context.Context, e callback.Event) error {
	c.metrics.CallbackAccepted(e.Type)
	switch e.Type {
	case callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay:
		// The callback is a hint only: it names no version.
		return c.core.ledger.Wake(ctx, e.AppID, e.Type, time.Now(), waitsForAudit)
	case callback.TypeAuthorized, callback.TypeUpdateAuthorized:
		return c.jobs.do(func(ctx context.Context) { c.joined(ctx, e) })
	case callback.TypeUnauthorized:
		if err := c.credential(ctx, e); err != nil {
			return err
		}
		return c.tools.Fleet.Left(ctx, e.AppID, time.Unix(e.CreateTime, 0))
	case callback.TypeTrial, callback.TypeConversion, callback.TypeEnterprise:
		return c.created(ctx, e)
	default:
		return c.credential(ctx, e)
	}
}

// created stores the result of an app creation. The callback of an enterprise's app carries its
// authorization; that of a trial app follows in another callback; a converted app is read again.
func (c callbacks) created(ctx context.Context, e callback.Event) error {
	end := fleet.CreationEnd{AppID: e.AppID, Name: e.Name, Status: e.Status, Text: e.Reason, At: time.Unix(e.CreateTime, 0)}
	switch e.Type {
	case callback.TypeTrial:
		end.Kind, end.ID = apps.KindTrial, e.UniqueID
	case callback.TypeConversion:
		end.Kind, end.ID = apps.KindConversion, e.AppID
	default:
		end.Kind, end.ID = apps.KindEnterprise, e.Code
	}
	if err := c.tools.Fleet.CreationEnded(ctx, end); err != nil {
		return err
	}
	if e.Status != 0 || e.AppID == "" || e.Type == callback.TypeTrial {
		return nil
	}
	if e.AuthCode != "" {
		e.Type = callback.TypeAuthorized
	}
	return c.jobs.do(func(ctx context.Context) { c.joined(ctx, e) })
}

// joined exchanges the authorization for tokens before it wakes a target that needs them.
func (c callbacks) joined(ctx context.Context, e callback.Event) {
	if err := c.credential(ctx, e); err != nil { // the refresh token is read back when it is needed
		c.log.Warn().Err(err).Stringer("callback", e).Msg("authorization not exchanged for tokens")
	}
	if err := c.tools.Fleet.Joined(ctx, e.AppID, time.Unix(e.CreateTime, 0)); err != nil {
		c.log.Warn().Err(err).Stringer("callback", e).Msg("app not recorded as authorized; a sync of apps finds it")
	}
}

// credential passes an event on to the token source.
func (c callbacks) credential(ctx context.Context, e callback.Event) error {
	if c.core.broker != nil { // it stores the tokens; ours are cached for seconds
		c.core.broker.Forget(e.AppID)
		return nil
	}
	_, err := c.core.tokens.HandleEvent(ctx, registry.Event{
		Type: e.Type, AppID: e.AppID, CreateTime: e.CreateTime, Ticket: e.Ticket, AuthCode: e.AuthCode,
	})
	return err
}

// waitsForAudit selects targets that may wait for the end of an audit, their own or another
// version's.
func waitsForAudit(t rollout.Target) bool {
	return t.Stage == rollout.StageVerdict || t.Reason == rollout.ReasonInAudit
}
