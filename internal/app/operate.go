package app

import (
	"context"
	"os"
	"os/user"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

// Tools are the use cases behind the commands.
type Tools struct {
	Operator *operator.Operator
	Doctor   *doctor.Doctor
	Launcher *launch.Launcher
	Fleet    *fleet.Fleet
	Library  *library.Library
	Quota    *quota.Quota
	Archiver archive.Archiver
}

// Open connects an operator's tools. Without the component's credentials they work offline: use cases
// that need WeChat return a *credential.OfflineError. closeAll closes what Open opened.
func Open(ctx context.Context, c *config.Config) (t *Tools, closeAll func() error, err error) {
	return open(ctx, c, coreOptions{})
}

// OpenEmbedded is Open on an in-process Redis, for the demo.
func OpenEmbedded(ctx context.Context, c *config.Config, rdb redis.UniversalClient) (t *Tools, closeAll func() error, err error) {
	return open(ctx, c, coreOptions{redis: rdb, embedded: true})
}

func open(ctx context.Context, c *config.Config, o coreOptions) (*Tools, func() error, error) {
	var s stack
	done := func() error { return s.unwind(context.WithoutCancel(ctx)) }
	k, err := newCore(ctx, c, o, &s)
	if err != nil {
		_ = done()
		return nil, nil, err
	}
	return k.tools(c, whoami()), done, nil
}

// tools builds the use cases for an operator or a worker called by.
func (k *core) tools(c *config.Config, by string) *Tools {
	store := apps.New(k.rdb)
	fd := fleet.Deps{Component: c.ComponentAppID, Redis: k.rdb, Rollouts: k.ledger, Readers: k.readers, By: by}
	ld := library.Deps{Plans: k.ledger, Log: k.ledger, Apps: store, By: by}
	qd := quota.Deps{Ledger: k.ledger, Pools: k.pools, Readers: k.readers, By: by}
	nd := launch.Deps{Component: c.ComponentAppID, Ledger: k.ledger, Redis: k.rdb, Readers: k.readers, By: by}
	od := operator.Deps{Ledger: k.ledger, Redis: k.rdb, Readers: k.readers, By: by}
	d := &doctor.Doctor{
		Ledger: k.ledger, Pools: k.pools, Redis: k.rdb, Accepted: c.RedisAccept, Readers: k.readers,
		Refused: refusedCallbacks(registry.NewRefusals(k.rdb, c.ComponentAppID)), Now: time.Now, By: by,
	}
	if k.source != nil { // otherwise the interfaces stay nil: offline
		fd.WeChat, ld.WeChat, qd.WeChat, nd.AppConfig, od.WeChat, d.WeChat = k.wx, k.wx, k.wx, k.wx, k.wx, k.wx
	}
	if k.tokens != nil { // with a broker, its system keeps the credentials
		d.Credentials = credentials{k.tokens, !c.ComponentTicket.Empty()}
		fd.Tokens = k.tokens
	}
	t := &Tools{Doctor: d, Fleet: fleet.New(fd), Quota: quota.New(qd), Archiver: archive.Archiver{Ledger: k.ledger, Now: time.Now, By: by}}
	ld.Baseline = func(ctx context.Context) ([]rollout.Template, error) { return t.Launcher.BaselineTemplates(ctx) }
	t.Library = library.New(ld)
	d.Templates, d.Quota = t.Library, t.Quota
	nd.Quota, nd.Templates, nd.List = t.Quota, t.Library, t.Fleet
	t.Launcher = launch.New(nd)
	od.Fleet, od.Library, od.Quota = t.Fleet, t.Library, t.Quota
	t.Operator = operator.New(od)
	return t
}

// whoami names the person for the ledger.
func whoami() string {
	name := "operator"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
