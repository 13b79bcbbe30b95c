package redistest_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t)
	for i := range 30 { // spread over the slots
		key := fmt.Sprintf("k%d", i)
		if err := c.Set(t.Context(), key, i, 0).Err(); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	two := redis.NewScript(`return redis.call("MGET", KEYS[1], KEYS[2])`)
	if err := two.Run(t.Context(), c, []string{"{a}x", "{a}y"}).Err(); err != nil {
		t.Errorf("keys of one tag: %v", err)
	}
	if err := two.Run(t.Context(), c, []string{"{a}x", "{b}x"}).Err(); err == nil {
		t.Error("keys of two tags in one script were accepted")
	}
}
