// Package doctor checks what rollouts need (Redis, credentials, WeChat, workers) and proves that the
// ledger is consistent. It repairs the ledger and the seals of stored credentials on request, and
// makes no call at WeChat that changes an app.
package doctor

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// WeChat is the part of the client that checks need. *wxclient.Client implements it.
type WeChat interface {
	AuthorizerList(ctx context.Context, offset, count int) (wxclient.AuthorizerPage, error)
	APIQuota(ctx context.Context, appid, cgiPath string) (wxclient.APIQuota, error)
}

// Templates lists the template library. *library.Library implements it.
type Templates interface {
	Templates(ctx context.Context) ([]library.Template, error)
}

// Doctor carries out the checks. It is safe for concurrent use, also by several processes.
type Doctor struct {
	Ledger *ledger.Ledger
	Pools  *pool.Pools
	// Redis is checked itself, and holds Asynq's queues.
	Redis redis.UniversalClient
	// Accepted is what the operator vouches for where Redis hides a fact.
	Accepted redisserver.Accepted
	// WeChat answers calls; a nil interface means offline.
	WeChat    WeChat
	Templates Templates
	// Readers chooses apps to ask WeChat through.
	Readers quota.Readers
	Quota   *quota.Quota
	// Credentials are those stored in Redis; a nil interface if this installation stores none.
	Credentials Credentials
	// Refused lists the callbacks that workers refused, the most recent reason first.
	Refused func(ctx context.Context) ([]Refused, error)
	Now     func() time.Time
	// By names the operator in the ledger.
	By string
}
