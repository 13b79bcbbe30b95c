package launch

import (
	"cmp"
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
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

// Borrower lends apps for reading calls, so that no read crosses a worker's call.
type Borrower interface {
	// Borrow runs reading calls for an app while no worker calls for it.
	Borrow(ctx context.Context, appID string, use func(context.Context) error) error
}

// Deps are what a Launcher works on.
type Deps struct {
	Ledger *ledger.Ledger
	Quota  *quota.Quota
	// Redis holds the app registry, and the rate of previews.
	Redis     redis.UniversalClient
	Templates Templates
	List      AppList
	Readers   Borrower
	// AppConfig makes the calls about app configuration; a nil interface means offline.
	AppConfig appconfig.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Component is the platform's own appid, which no list may hold.
	Component string
	// By names the operator in the ledger, such as li@ops1.
	By string
}

// Launcher previews and writes rollouts. It is safe for concurrent use, also by several processes.
type Launcher struct {
	d    Deps
	apps *apps.Store
}

// New returns a launcher; it starts nothing and needs no closing.
func New(d Deps) *Launcher {
	if d.Now == nil {
		d.Now = time.Now
	}
	d.By = cmp.Or(d.By, "operator")
	return &Launcher{d: d, apps: apps.New(d.Redis)}
}
