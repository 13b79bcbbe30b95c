package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Example stores a rollout of one app and carries out its first stage.
func Example() {
	store, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	rdb := redis.NewClient(&redis.Options{Addr: store.Addr()})
	defer func() { _ = rdb.Close() }()
	if err := firstStage(context.Background(), ledger.New(rdb, ledger.Options{})); err != nil {
		fmt.Println(err)
	}
	// Output:
	// preflight running
	// commit pending
}

func firstStage(ctx context.Context, l *ledger.Ledger) error {
	if _, err := l.Create(ctx, ledger.NewRollout{ID: "spring-1", Plan: rollout.Plan{Name: "spring"}}); err != nil {
		return err
	}
	if _, err := l.Add(ctx, "spring-1", []rollout.Target{{AppID: "wx1", Rank: rollout.Rank(0, 1)}}); err != nil {
		return err
	}
	if err := l.Seal(ctx, "spring-1", 1, false, "operator", "apply"); err != nil {
		return err
	}
	assignments, err := l.Claim(ctx, rollout.Claim{Rollout: "spring-1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 1, Lease: time.Minute})
	if err != nil {
		return err
	}
	started, err := l.Start(ctx, assignments[0], time.Minute)
	if err != nil {
		return err
	}
	fmt.Println(started.Target.Stage, started.Target.State)
	next, err := rollout.Step(started.Target, rollout.Advanced{})
	if err != nil {
		return err
	}
	saved, err := l.Save(ctx, started.Target, next, rollout.SaveOptions{})
	if err != nil {
		return err
	}
	fmt.Println(saved.Stage, saved.State)
	return nil
}
