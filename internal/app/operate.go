package app

import (
	"context"
	"os"
	"os/user"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

// Tools are the use cases behind the commands.
type Tools struct {
	Operator *operator.Operator
	Fleet    *fleet.Fleet
	Readers  *fleet.Readers
	Library  *library.Library
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
	d := operator.Deps{Ledger: k.ledger, Pools: k.pools, Redis: k.rdb, By: by}
	fd := fleet.Deps{Redis: k.rdb, Rollouts: k.ledger, By: by}
	if k.source != nil {
		d.WeChat, d.AppConfig, fd.WeChat = k.wx, k.wx, k.wx
	}
	if k.tokens != nil { // with a broker, its system keeps the credentials
		d.Credentials = credentials{k.tokens, !c.ComponentTicket.Empty()}
		fd.Tokens = k.tokens
	}
	t := &Tools{Readers: fleet.NewReaders(k.ledger, k.rdb, fd.WeChat)}
	fd.Readers = t.Readers
	ld := library.Deps{Plans: k.ledger, Log: k.ledger, Apps: apps.New(k.rdb), By: by}
	if k.source != nil {
		ld.WeChat = k.wx
	}
	ld.Baseline = func(ctx context.Context) ([]rollout.Template, error) { return t.Operator.BaselineTemplates(ctx) }
	t.Library = library.New(ld)
	d.Library = t.Library
	t.Fleet = fleet.New(fd)
	d.Readers, d.Fleet = t.Readers, t.Fleet
	t.Operator = operator.New(d)
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
