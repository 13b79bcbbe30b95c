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

// Active implements dispatch.Store. One that can't be read is a *BrokenError.
func (l *Ledger) Active(ctx context.Context) ([]rollout.Rollout, error) {
	views, err := l.views(ctx, nil, "list active rollouts")
	if err != nil {
		return nil, err
	}
	return decodeRollouts(views)
}

// read fetches rollouts that are there.
func (l *Ledger) read(ctx context.Context, ids []string) ([]rollout.Rollout, error) {
	views, err := l.view(ctx, ids)
	if err != nil {
		return nil, err
	}
	return decodeRollouts(views)
}

// decodeRollouts gives those that can be read, and a *BrokenError for each of the
// others.
func decodeRollouts(views []view) ([]rollout.Rollout, error) {
	var out []rollout.Rollout
	var errs []error
	for _, v := range views {
		r, err := decodeRollout(v)
		if err != nil {
			errs = append(errs, &BrokenError{Rollout: v.id, Err: err})
			continue
		}
		out = append(out, r)
	}
	return out, errors.Join(errs...)
}

// view is a rollout as stored, as of one instant.
type view struct {
	id                    string
	fields, counts, codes map[string]string
	targets               int64
	active                bool   // the controller looks at it
	broken                string // Redis's error if a key of it can't be read
}

// view fetches rollouts that are there.
func (l *Ledger) view(ctx context.Context, ids []string) ([]view, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return l.views(ctx, ids, fmt.Sprintf("read %d rollouts", len(ids)))
}

// views fetches rollouts that are there, or without ids the active ones.
func (l *Ledger) views(ctx context.Context, ids []string, doing string) ([]view, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	list, err := run(ctx, l.rdb, viewScript, args...).Slice()
	if err != nil {
		return nil, failed(err, "%s", doing)
	}
	var out []view
	for _, answer := range list {
		row, ok := answer.([]any)
		if ok && len(row) == 2 {
			out = append(out, view{id: fmt.Sprint(row[0]), broken: fmt.Sprint(row[1])})
			continue
		}
		if !ok || len(row) != 6 {
			return nil, fmt.Errorf("%s: unexpected answer %.80v", doing, answer)
		}
		v := view{id: fmt.Sprint(row[0]), fields: textMap(row[1]), counts: textMap(row[2]), codes: textMap(row[3])}
		v.targets, _ = row[4].(int64)
		v.active = row[5] == int64(1)
		if len(v.fields) > 0 {
			out = append(out, v)
		}
	}
	return out, nil
}

// textMap reads a list of names and values.
func textMap(list any) map[string]string {
	flat, _ := list.([]any)
	m := make(map[string]string, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		m[fmt.Sprint(flat[i])] = fmt.Sprint(flat[i+1])
	}
	return m
}

func decodeRollout(v view) (rollout.Rollout, error) {
	if v.broken != "" {
		return rollout.Rollout{}, errors.New(v.broken)
	}
	id, f := v.id, v.fields
	num := func(key string) int64 { n, _ := strconv.ParseInt(f[key], 10, 64); return n } // absent is 0
	r := rollout.Rollout{
		ID: id, Name: f["name"], Digest: f["digest"], Status: rollout.Status(f["status"]), Why: f["why"], By: f["by"],
		Created: fromMilli(num("created")), StartAt: fromMilli(num("start")), Started: fromMilli(num("started")), Ended: fromMilli(num("ended")),
		Total: int(num("total")), Revision: int(num("revision")), OpenWave: int(num("wave")), ReleaseApproved: f["release_approved"] != "",
		Gates: make(map[int]rollout.GateState), Counts: make(rollout.Counts, len(v.counts)), Codes: make(map[int64]int, len(v.codes)),
	}
	if err := json.Unmarshal([]byte(f["plan"]), &r.Plan); err != nil {
		return r, fmt.Errorf("plan in the ledger: %w", err)
	}
	for key, text := range f {
		wave, ok := strings.CutPrefix(key, "gate:")
		if !ok {
			continue
		}
		_, waived := f["waived:"+wave]
		n, err := strconv.Atoi(wave)
		var g rollout.GateState
		if err == nil {
			err = json.Unmarshal([]byte(text), &g)
		}
		if err != nil {
			return r, fmt.Errorf("gate %q in the ledger: %w", key, err)
		}
		g.Waived = waived
		r.Gates[n] = g
	}
	for key, text := range v.counts {
		cell, err := rollout.ParseCell(key)
		if err != nil {
			return r, err
		}
		if r.Counts[cell], err = strconv.Atoi(text); err != nil {
			return r, fmt.Errorf("count cell %q: %w", key, err)
		}
	}
	for key, text := range v.codes {
		code, _ := strconv.ParseInt(key, 10, 64)
		n, _ := strconv.Atoi(text)
		r.Codes[code] = n
	}
	return r, nil
}
