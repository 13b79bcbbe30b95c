package ratelimit

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// helperEnv makes this test binary one of the processes of a contention
// test: "job name-of-limiter address".
const helperEnv = "WXROLLOUT_RATELIMIT_HELPER"

func TestMain(m *testing.M) {
	if spec := os.Getenv(helperEnv); spec != "" {
		if err := helper(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// helper runs one job and prints its result on stdout.
func helper(spec string) error {
	var job, name, addr string
	if _, err := fmt.Sscan(spec, &job, &name, &addr); err != nil {
		return fmt.Errorf("read %s=%q: %w", helperEnv, spec, err)
	}
	run, ok := jobs[job]
	if !ok {
		return fmt.Errorf("no job %q", job)
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = rdb.Close() }()
	return run(context.Background(), rdb, name)
}
