package doctor_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // words show local times
	goleak.VerifyTestMain(m)
}

const (
	simple = operatortest.Simple
	waved  = operatortest.Waved
)

var appID = operatortest.AppID

// bench is operatortest's, with methods for the tests of this package.
type bench struct{ *operatortest.Bench }

func mini(t *testing.T) *bench {
	t.Helper()
	return &bench{operatortest.Mini(t)}
}

func setup(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) *bench {
	t.Helper()
	return &bench{operatortest.Setup(t, rdb, advance)}
}

// onServer is a bench on a real server with its own clock.
func onServer(t *testing.T) *bench {
	t.Helper()
	return &bench{operatortest.Real(t)}
}
