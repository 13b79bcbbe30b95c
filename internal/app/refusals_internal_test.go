package app

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// TestRefusalsAreReported: one line for the first of each reason, then one by the minute, and no count is lost.
func TestRefusalsAreReported(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		var jobs []func(context.Context)
		var log bytes.Buffer
		counted := map[string]int{}
		synctest.Test(t, func(t *testing.T) {
			r := newRefusals(zerolog.New(&log), func(reason string) { counted[reason]++ }, registry.NewRefusals(rdb, "wxcomponent"),
				func(job func(context.Context)) error { jobs = append(jobs, job); return nil })
			for range 100 {
				r.note("/wechat/auth", callback.ReasonSignature)
			}
			r.note("/wechat/app/x", callback.ReasonStale)
			r.note("/wechat/auth", callback.ReasonReplay)
			<-time.After(refusedEvery)
			r.note("/wechat/auth", callback.ReasonSignature)
		})
		for _, job := range jobs {
			job(t.Context())
		}
		got, err := registry.NewRefusals(rdb, "wxcomponent").List(t.Context())
		if err != nil || len(got) != 2 || got[0].Reason != callback.ReasonSignature || got[0].Count != 101 || got[1].Count != 1 {
			t.Errorf("%+v, %v: want 101 signatures and one stale", got, err)
		}
		if lines := strings.Count(log.String(), "callbacks refused"); lines != 3 || !strings.Contains(log.String(), "is the callback token the one") {
			t.Errorf("%d lines, want 3 with the fix:\n%s", lines, &log)
		}
		if counted[callback.ReasonSignature] != 101 || counted[callback.ReasonReplay] != 1 {
			t.Errorf("metric: %v", counted)
		}
	})
}
