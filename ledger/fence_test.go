package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// image is all that a Redis held at some time.
type image struct {
	hashes map[string]map[string]string
	sets   map[string][]redis.Z
}

// picture remembers everything the ledger holds.
func (b *bench) picture() image {
	b.Helper()
	img := image{make(map[string]map[string]string), make(map[string][]redis.Z)}
	for _, key := range b.rdb.Keys(b.Context(), "*").Val() {
		switch kind := b.rdb.Type(b.Context(), key).Val(); kind {
		case "hash":
			img.hashes[key] = b.rdb.HGetAll(b.Context(), key).Val()
		case "zset":
			img.sets[key] = b.rdb.ZRangeWithScores(b.Context(), key, 0, -1).Val()
		case "list": // actions
		default:
			b.Fatalf("key %s is a %s", key, kind)
		}
	}
	return img
}

// restore brings back what a picture shows, as a Redis does that lost its last writes.
func (b *bench) restore(img image) {
	b.Helper()
	b.must(b.rdb.FlushDB(b.Context()).Err())
	for key, h := range img.hashes {
		b.must(b.rdb.HSet(b.Context(), key, h).Err())
	}
	for key, z := range img.sets {
		b.must(b.rdb.ZAdd(b.Context(), key, z...).Err())
	}
}

// An assignment that was given before Redis lost its last second is never mistaken for
// the one given after.
func TestFenceSurvivesLostWrites(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 3)
		before := b.picture()
		var lost []rollout.Assignment
		for range 5 { // fences grow with each assignment, also within one instant
			assignment, was := b.begin("r1", rollout.StagePreflight, "wx001")
			if n := len(lost); n > 0 && assignment.Fence <= lost[n-1].Fence {
				b.Errorf("fence %d after %d", assignment.Fence, lost[n-1].Fence)
			}
			lost = append(lost, assignment)
			b.step(was, rollout.Yielded{At: at})
		}
		assignment, acting := b.begin("r1", rollout.StagePreflight, "wx001")
		lost = append(lost, assignment)

		b.restore(before)
		b.advance(time.Millisecond)
		assignment, now := b.begin("r1", rollout.StagePreflight, "wx001")
		for _, old := range lost {
			if assignment.Fence <= old.Fence {
				b.Errorf("fence %d was given after %d", assignment.Fence, old.Fence)
			}
			var stale *rollout.StaleError
			if _, err := b.Start(b.Context(), old, lease); !errors.As(err, &stale) {
				b.Errorf("a lost assignment starts: %v", err)
			}
		}
		var stale *rollout.StaleError
		acting.Version = now.Version // even if the versions met by chance
		if _, err := b.Save(b.Context(), acting, acting, rollout.SaveOptions{}); !errors.As(err, &stale) {
			b.Errorf("the handler of a lost assignment saves: %v", err)
		}
		b.sound("r1")
	})
}
