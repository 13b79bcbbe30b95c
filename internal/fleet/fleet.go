// Package fleet holds the use cases of the app registry: bring it up to WeChat's list, take
// callbacks about apps, label and import, list what merchants must do, make authorization links,
// and create apps through WeChat. It also chooses apps without assignments for reads.
//
// It must never print, or write anything at WeChat but app creations.
package fleet

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Directory reads what WeChat knows of the authorized apps.
type Directory interface {
	Lister
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
}

// Authorizer makes authorization pages. A pre-auth code changes nothing at WeChat.
type Authorizer interface {
	PreAuthCode(ctx context.Context) (code string, expiresIn time.Duration, err error)
	ComponentAppID() string
}

// Creator asks WeChat to create apps.
type Creator interface {
	CreateTrial(ctx context.Context, name, openid string) (wxclient.TrialApp, error)
	CreateEnterprise(ctx context.Context, e wxclient.Enterprise) error
	ConvertTrial(ctx context.Context, appid string, e wxclient.Enterprise) error
}

// WeChat is the part of the client that the fleet needs.
type WeChat interface {
	Directory
	Authorizer
	Creator
}

// Rollouts reads and wakes the targets of unfinished rollouts. *ledger.Ledger implements it.
type Rollouts interface {
	Active(ctx context.Context) ([]rollout.Rollout, error)
	Targets(ctx context.Context, id string) iter.Seq2[rollout.Target, error]
	Wake(ctx context.Context, appID, why string, at time.Time, match func(rollout.Target) bool) error
}

// TokenKeeper stores the refresh tokens in WeChat's list of apps, sealed.
type TokenKeeper interface {
	Learn(ctx context.Context, page []wxclient.Authorizer) error
}

// Deps are what a Fleet works on.
type Deps struct {
	// Component is the platform's own appid, which no list may hold.
	Component string
	// Redis holds the app registry, the sync's lease and its rate.
	Redis redis.UniversalClient
	// Rollouts are those whose targets are woken.
	Rollouts Rollouts
	// Readers lends apps for reads.
	Readers *Readers
	// WeChat answers calls; a nil interface means offline.
	WeChat WeChat
	// Tokens stores refresh tokens from the list; a nil interface drops them.
	Tokens TokenKeeper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// By names the operator in the registry's log, such as li@ops1.
	By string
}

// Fleet carries out the use cases of the app registry. It is safe for concurrent use, also by
// several processes.
type Fleet struct {
	d    Deps
	apps *apps.Store
}

// New returns a fleet; it starts nothing and needs no closing.
func New(d Deps) *Fleet {
	if d.Now == nil {
		d.Now = time.Now
	}
	d.By = cmp.Or(d.By, "operator")
	return &Fleet{d: d, apps: apps.New(d.Redis)}
}

// online returns the client, or an error that names the command that needs it.
func (f *Fleet) online(what string) (WeChat, error) {
	if f.d.WeChat == nil {
		return nil, &credential.OfflineError{What: what}
	}
	return f.d.WeChat, nil
}
