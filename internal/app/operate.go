package app

import (
	"context"
	"os"
	"os/user"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// OpenOperator connects an operator's verbs. Without the component's
// credentials it works offline: what needs WeChat says so. close ends it.
func OpenOperator(ctx context.Context, c *config.Config) (op *operator.Operator, closeAll func() error, err error) {
	return openOperator(ctx, c, coreOptions{})
}

// OpenEmbeddedOperator is OpenOperator on an in-process Redis, for the demo.
func OpenEmbeddedOperator(ctx context.Context, c *config.Config, rdb redis.UniversalClient) (op *operator.Operator, closeAll func() error, err error) {
	return openOperator(ctx, c, coreOptions{redis: rdb, embedded: true})
}

func openOperator(ctx context.Context, c *config.Config, o coreOptions) (*operator.Operator, func() error, error) {
	var s stack
	done := func() error { return s.unwind(context.WithoutCancel(ctx)) }
	k, err := newCore(ctx, c, o, &s)
	if err != nil {
		_ = done()
		return nil, nil, err
	}
	return k.operator(c, whoami()), done, nil
}

// operator makes an operator's verbs for somebody.
func (k *core) operator(c *config.Config, by string) *operator.Operator {
	d := operator.Deps{Ledger: k.ledger, Pools: k.pools, Redis: k.rdb, By: by}
	if k.source != nil {
		d.WeChat, d.AppConfig = k.wx, k.wx
	}
	if k.tokens != nil { // not with a broker: its system keeps the credentials
		d.Credentials = credentials{k.tokens, !c.ComponentTicket.Empty()}
		d.Tokens = k.tokens
	}
	return operator.New(d)
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
