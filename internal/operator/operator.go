package operator

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// WeChat is the part of the client that operator commands need; it only reads. *wxclient.Client
// implements it.
type WeChat interface {
	AuthorizerList(ctx context.Context, offset, count int) (wxclient.AuthorizerPage, error)
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
	APIQuota(ctx context.Context, appid, cgiPath string) (wxclient.APIQuota, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
}

var _ WeChat = (*wxclient.Client)(nil)

// Deps are what an Operator works on.
type Deps struct {
	// Ledger holds rollouts, targets and schedules.
	Ledger *ledger.Ledger
	// Pools hold the stages' permits.
	Pools *pool.Pools
	// WeChat answers reading calls; nil (the interface, not a nil pointer in it)
	// means offline: what needs WeChat is a *credential.OfflineError.
	WeChat WeChat
	// AppConfig makes the calls about app configuration; nil means offline.
	AppConfig appconfig.Client
	// Credentials looks after stored credentials; nil (the interface) if this
	// installation stores none.
	Credentials Credentials
	// Redis holds the registry of apps, and is asked about itself by Check.
	Redis redis.UniversalClient
	// Fleet answers questions about single apps, Readers lends apps for reads.
	Fleet   *fleet.Fleet
	Readers *fleet.Readers
	// Library finds templates.
	Library *library.Library
	// Now is the clock; nil means time.Now. Leases and wakes go by the ledger's.
	Now func() time.Time
	// By names the operator in the ledger, such as li@ops1.
	By string
}

// Operator carries out an operator's verbs. It is safe for concurrent use, also
// by several processes on one ledger.
type Operator struct {
	ledger      *ledger.Ledger
	pools       *pool.Pools
	wx          WeChat
	appConfig   appconfig.Client
	credentials Credentials
	apps        *apps.Store
	fleet       *fleet.Fleet
	readers     *fleet.Readers
	library     *library.Library
	rdb         redis.UniversalClient
	now         func() time.Time
	by          string
}

// New makes an operator; it starts nothing and needs no closing.
func New(d Deps) *Operator {
	o := &Operator{
		ledger: d.Ledger, pools: d.Pools, wx: d.WeChat, appConfig: d.AppConfig, credentials: d.Credentials, rdb: d.Redis,
		apps: apps.New(d.Redis), fleet: d.Fleet, readers: d.Readers, library: d.Library, now: d.Now, by: d.By,
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.by == "" {
		o.by = "operator"
	}
	return o
}

// online returns the client, or an error that names the command that needs it.
func (o *Operator) online(what string) (WeChat, error) {
	if o.wx == nil {
		return nil, &credential.OfflineError{What: what}
	}
	return o.wx, nil
}
