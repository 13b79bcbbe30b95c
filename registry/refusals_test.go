package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		r, other := registry.NewRefusals(rdb, "wxcomponent"), registry.NewRefusals(rdb, "wxother")
		at := time.UnixMilli(1_800_000_000_000)
		for _, more := range []registry.Refusal{
			{Reason: "signature", Count: 3, Last: at, Path: "/wechat/auth"},
			{Reason: "stale", Count: 1, Last: at.Add(time.Minute), Path: "/wechat/auth"},
			{Reason: "signature", Count: 9, Last: at.Add(time.Second), Path: "/wechat/app/x"},
		} {
			if err := r.Add(t.Context(), more); err != nil {
				t.Fatal(err)
			}
		}
		got, err := r.List(t.Context())
		want := []registry.Refusal{
			{Reason: "stale", Count: 1, Last: at.Add(time.Minute), Path: "/wechat/auth"},
			{Reason: "signature", Count: 12, Last: at.Add(time.Second), Path: "/wechat/app/x"},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("refusals: %v (-want +got):\n%s", err, diff)
		}
		if none, err := other.List(t.Context()); err != nil || len(none) != 0 {
			t.Errorf("another component's: %v, %v", none, err)
		}
	})
}
