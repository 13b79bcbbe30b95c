package fleet_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var appID = operatortest.AppID

// bench is operatortest's, with methods for the tests of this package.
type bench struct{ *operatortest.Bench }

func mini(t *testing.T) *bench {
	t.Helper()
	return &bench{operatortest.Mini(t)}
}

// start stores a running rollout of n apps in one wave.
func (b *bench) start(n int) string {
	b.T.Helper()
	const id = "spring-1"
	plan := rollout.Plan{Name: "spring", Template: rollout.Template{ID: 118, Version: "3.9.0"}, Waves: []rollout.Wave{{Name: "all", Size: n}}}
	targets := make([]rollout.Target, n)
	for i := range targets {
		targets[i] = rollout.Target{AppID: appID(i), Rank: rollout.Rank(0, i), Attempt: 1}
	}
	_, err := b.Ledger.Create(b.Ctx, ledger.NewRollout{ID: id, Plan: plan, Digest: "digest"})
	b.Must(err)
	_, err = b.Ledger.Add(b.Ctx, id, targets)
	b.Must(err)
	b.Must(b.Ledger.Seal(b.Ctx, id, n, false, "test", "apply"))
	return id
}
