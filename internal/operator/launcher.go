package operator

import "github.com/wxrollout/wxrollout/internal/launch"

// Launcher returns a launcher that works as this operator.
func (o *Operator) Launcher() *launch.Launcher {
	d := launch.Deps{
		Ledger: o.ledger, Pools: o.pools, Redis: o.rdb, Templates: o.library, List: o.fleet, Readers: o.readers, AppConfig: o.appConfig, Now: o.now, By: o.by,
	}
	if o.wx != nil {
		d.Quota = o.wx
	}
	return launch.New(d)
}
