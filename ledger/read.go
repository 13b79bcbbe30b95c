package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Rollout reads one rollout with its counts.
func (l *Ledger) Rollout(ctx context.Context, id string) (rollout.Rollout, error) {
	list, err := l.read(ctx, []string{id})
	if err != nil {
		return rollout.Rollout{}, err
	}
	if len(list) == 0 {
		return rollout.Rollout{}, &StatusError{Rollout: id}
	}
	return list[0], nil
}

// ByName is the id of the newest rollout with a name.
func (l *Ledger) ByName(ctx context.Context, name string) (string, error) {
	id, err := l.rdb.HGet(ctx, keyNames, name).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("rollout %s: %w", name, ErrNotFound)
	}
	return id, failed(err, "look up rollout %s", name)
}

// Rollouts lists rollouts, newest first, a page of n from offset.
func (l *Ledger) Rollouts(ctx context.Context, offset, n int) ([]rollout.Rollout, error) {
	ids, err := l.rdb.ZRevRange(ctx, keyRollouts, int64(offset), int64(offset+n-1)).Result()
	if err != nil {
		return nil, failed(err, "list rollouts")
	}
	return l.read(ctx, ids)
}

// Active implements rollout.Store.
func (l *Ledger) Active(ctx context.Context) ([]rollout.Rollout, error) {
	ids, err := l.rdb.ZRange(ctx, keyActive, 0, -1).Result()
	if err != nil {
		return nil, failed(err, "list active rollouts")
	}
	return l.read(ctx, ids)
}

// read fetches rollouts in one transaction: status and counts belong together.
func (l *Ledger) read(ctx context.Context, ids []string) ([]rollout.Rollout, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type reply struct{ fields, counts, codes *redis.MapStringStringCmd }
	replies := make([]reply, len(ids))
	_, err := l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			replies[i] = reply{p.HGetAll(ctx, keyRollout(id)), p.HGetAll(ctx, keyCounts(id)), p.HGetAll(ctx, keyCodes(id))}
		}
		return nil
	})
	if err != nil {
		return nil, failed(err, "read %d rollouts", len(ids))
	}
	var out []rollout.Rollout
	for i, id := range ids {
		if len(replies[i].fields.Val()) == 0 {
			continue
		}
		r, err := decodeRollout(id, replies[i].fields.Val(), replies[i].counts.Val(), replies[i].codes.Val())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func decodeRollout(id string, f, counts, codes map[string]string) (rollout.Rollout, error) {
	num := func(key string) int64 { n, _ := strconv.ParseInt(f[key], 10, 64); return n } // absent is 0
	r := rollout.Rollout{
		ID: id, Name: f["name"], Digest: f["digest"], Status: rollout.Status(f["status"]), Why: f["why"], By: f["by"],
		Created: fromMilli(num("created")), StartAt: fromMilli(num("start")), Started: fromMilli(num("started")), Ended: fromMilli(num("ended")),
		Total: int(num("total")), Revision: int(num("revision")), OpenWave: int(num("wave")), Released: f["released"] != "",
		Gates: make(map[int]rollout.GateState), Counts: make(rollout.Counts, len(counts)), Codes: make(map[int64]int, len(codes)),
	}
	if err := json.Unmarshal([]byte(f["plan"]), &r.Plan); err != nil {
		return r, fmt.Errorf("rollout %s: plan in the ledger: %w", id, err)
	}
	for key, v := range f {
		wave, ok := strings.CutPrefix(key, "gate:")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(wave)
		var g rollout.GateState
		if err == nil {
			err = json.Unmarshal([]byte(v), &g)
		}
		if err != nil {
			return r, fmt.Errorf("rollout %s: gate %q in the ledger: %w", id, key, err)
		}
		r.Gates[n] = g
	}
	for key, v := range counts {
		cell, err := rollout.ParseCell(key)
		if err != nil {
			return r, fmt.Errorf("rollout %s: %w", id, err)
		}
		n, _ := strconv.Atoi(v)
		r.Counts[cell] = n
	}
	for key, v := range codes {
		code, _ := strconv.ParseInt(key, 10, 64)
		n, _ := strconv.Atoi(v)
		r.Codes[code] = n
	}
	return r, nil
}
