package operator

import (
	"cmp"
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxclient"
)

// WeChat is the part of the client that operator commands need; it only reads. *wxclient.Client
// implements it.
type WeChat interface {
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
}

// Deps are what an Operator works on.
type Deps struct {
	Ledger *ledger.Ledger
	// WeChat answers calls; a nil interface means offline.
	WeChat WeChat
	// Redis holds Asynq's queues.
	Redis redis.UniversalClient
	Fleet *fleet.Fleet
	// Readers lends apps for reads.
	Readers *fleet.Readers
	Library *library.Library
	Quota   *quota.Quota
	// Now is the clock; nil means time.Now. Leases and wakes go by the ledger's.
	Now func() time.Time
	// By names the operator in the ledger, such as li@ops1.
	By string
}

// Operator carries out an operator's verbs. It is safe for concurrent use, also
// by several processes on one ledger.
type Operator struct{ d Deps }

// New returns an operator; it starts nothing and needs no closing.
func New(d Deps) *Operator {
	if d.Now == nil {
		d.Now = time.Now
	}
	d.By = cmp.Or(d.By, "operator")
	return &Operator{d}
}
