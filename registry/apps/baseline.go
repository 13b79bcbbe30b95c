package apps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Baseline is the plan applied to newly authorized apps. This package doesn't parse
// the plan, Def.
type Baseline struct {
	// Def is the definition; "" means that no baseline is set.
	Def string
	// Since is from when on an app that authorized is a newcomer.
	Since Seconds
	// Set is when it was set, By by whom, Why for what reason.
	Set     Seconds
	By, Why string
	Paused  bool
	// Number counts the batches, Taken the apps of all that were handed on; Last is
	// the rollout of the last one, Gathered when the last batch was made.
	Number, Taken int
	Last          string
	Gathered      Seconds
	// Open is the definition of the batch that is still to be handed on; "" for none.
	Open string
}

// Baseline reads the baseline.
func (s *Store) Baseline(ctx context.Context) (Baseline, error) {
	f, err := s.rdb.HGetAll(ctx, keyBase).Result()
	if err != nil {
		return Baseline{}, fmt.Errorf("read the baseline: %w", err)
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(f[name], 10, 64) // we wrote it
		return n
	}
	return Baseline{
		Def: f["def"], Since: Seconds(number("since")), Set: Seconds(number("set")), By: f["by"], Why: f["why"],
		Paused: f["paused"] == "1", Number: int(number("number")), Taken: int(number("taken")), Last: f["last"],
		Gathered: Seconds(number("gathered")), Open: f["open"],
	}, nil
}

// SetBaseline stores b (Def, Since, Set, By, Why, Paused) as the current baseline. An
// open batch keeps the definition it was gathered with.
func (s *Store) SetBaseline(ctx context.Context, b Baseline) error {
	paused := "0"
	if b.Paused {
		paused = "1"
	}
	err := s.rdb.HSet(ctx, keyBase, "def", b.Def, "since", int64(b.Since), "set", int64(b.Set), "by", b.By, "why", b.Why, "paused", paused).Err()
	if err != nil {
		return fmt.Errorf("set the baseline: %w", err)
	}
	return nil
}

// ClearBaseline takes the baseline away; a batch that is open is still handed on.
func (s *Store) ClearBaseline(ctx context.Context) error {
	if err := s.rdb.HDel(ctx, keyBase, "def", "since", "set", "by", "why", "paused", "gathered").Err(); err != nil {
		return fmt.Errorf("clear the baseline: %w", err)
	}
	return nil
}

// Newcomers lists the apps that authorized since a time and that the baseline has not
// taken, the first to come first: n of them at most, from an offset on.
func (s *Store) Newcomers(ctx context.Context, since Seconds, offset, n int) ([]string, error) {
	ids, err := s.rdb.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: keyNew, ByScore: true, Start: int64(since), Stop: "+inf", Offset: int64(offset), Count: int64(n),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("list newcomers: %w", err)
	}
	return ids, nil
}

// ForgetNewcomers takes apps out of the queue that authorized before a time.
func (s *Store) ForgetNewcomers(ctx context.Context, before Seconds) error {
	if err := s.rdb.ZRemRangeByScore(ctx, keyNew, "-inf", fmt.Sprintf("(%d", before)).Err(); err != nil {
		return fmt.Errorf("leave apps out of the baseline that came before it: %w", err)
	}
	return nil
}

// Gather moves newcomers into the batch of a number, which must follow the last one's,
// with the definition it is to be handed on by. Of several callers one gathers.
func (s *Store) Gather(ctx context.Context, number int, open string, now time.Time, ids []string) (moved int, err error) {
	args := make([]any, 0, 3+len(ids))
	args = append(args, number, open, now.Unix())
	for _, id := range ids {
		args = append(args, id)
	}
	moved, err = gatherScript.Run(ctx, s.rdb, []string{keyBase, keyNew, keyBatch}, args...).Int()
	if err != nil {
		return 0, fmt.Errorf("gather newcomers: %w", err)
	}
	return moved, nil
}

// Gathered lists the apps of the open batch, sorted.
func (s *Store) Gathered(ctx context.Context) ([]string, error) {
	ids, err := s.rdb.SMembers(ctx, keyBatch).Result()
	if err != nil {
		return nil, fmt.Errorf("read the baseline's batch: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// Handed closes the batch of a number once a rollout has its apps.
func (s *Store) Handed(ctx context.Context, number int, rollout string) error {
	err := handedScript.Run(ctx, s.rdb, []string{keyBase, keyBatch}, number, rollout).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("close the baseline's batch %d: %w", number, err)
	}
	return nil
}
