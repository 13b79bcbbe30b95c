package launch

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Templates finds the template of a plan in the template library.
type Templates interface {
	// Find returns the template, and warnings about differences in the library. Offline it
	// trusts a plan that names its template.
	Find(ctx context.Context, spec planfile.TemplateSpec, offline bool) (t rollout.Template, warnings []string, err error)
}

// AppList reads WeChat's list of authorized apps.
type AppList interface {
	AuthorizedApps(ctx context.Context, progress func(done, total int)) (appIDs []string, err error)
}

// Readers lends apps for reading calls, so that no read crosses a worker's call.
type Readers interface {
	// Borrow runs reading calls for an app while no worker calls for it.
	Borrow(ctx context.Context, appID string, use func(context.Context) error) error
	// Ask asks through the first of the apps that no worker calls for and that answers.
	Ask(ctx context.Context, what string, apps []string, ask func(ctx context.Context, app string) error) (asked string, err error)
}

// QuotaSource answers queryquota. *wxclient.Client implements it.
type QuotaSource interface {
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
}

// Deps are what a Launcher works on.
type Deps struct {
	Ledger *ledger.Ledger
	Pools  *pool.Pools
	// Redis holds the app registry, and the rate of previews.
	Redis     redis.UniversalClient
	Templates Templates
	List      AppList
	Readers   Readers
	// Quota and AppConfig read from WeChat; nil interfaces mean offline.
	Quota     QuotaSource
	AppConfig appconfig.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// By names the operator in the ledger, such as li@ops1.
	By string
}

// Launcher previews and writes rollouts. It is safe for concurrent use, also by several processes.
type Launcher struct {
	ledger    *ledger.Ledger
	pools     *pool.Pools
	rdb       redis.UniversalClient
	apps      *apps.Store
	templates Templates
	list      AppList
	readers   Readers
	quota     QuotaSource
	appConfig appconfig.Client
	now       func() time.Time
	by        string
}

// New returns a launcher; it starts nothing and needs no closing.
func New(d Deps) *Launcher {
	l := &Launcher{
		ledger: d.Ledger, pools: d.Pools, rdb: d.Redis, apps: apps.New(d.Redis), templates: d.Templates, list: d.List, readers: d.Readers,
		quota: d.Quota, appConfig: d.AppConfig, now: d.Now, by: d.By,
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.by == "" {
		l.by = "operator"
	}
	return l
}
