package db

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

//go:embed view.lua
var sources embed.FS

var viewScript = Script(sources, "view.lua")

// View is a rollout as stored, as of one instant.
type View struct {
	ID                    string
	Fields, Counts, Codes map[string]string
	Targets               int64
	Active                bool   // the controller reconciles it
	Broken                string // Redis's error if a key of it can't be read
}

// Views reads rollouts; those that are not there are left out.
func Views(ctx context.Context, rdb redis.Scripter, ids []string) ([]View, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return views(ctx, rdb, fmt.Sprintf("read %d rollouts", len(ids)), ids)
}

// ActiveViews reads the rollouts that the controller reconciles.
func ActiveViews(ctx context.Context, rdb redis.Scripter) ([]View, error) {
	return views(ctx, rdb, "list active rollouts", nil)
}

func views(ctx context.Context, rdb redis.Scripter, doing string, ids []string) ([]View, error) {
	list, err := Run(ctx, rdb, viewScript, Args(ids)...).Slice()
	if err != nil {
		return nil, Failed(err, "%s", doing)
	}
	var out []View
	for _, answer := range list {
		row, ok := answer.([]any)
		if ok && len(row) == 2 {
			out = append(out, View{ID: fmt.Sprint(row[0]), Broken: fmt.Sprint(row[1])})
			continue
		}
		if !ok || len(row) != 6 {
			return nil, fmt.Errorf("%s: unexpected answer %.80v", doing, answer)
		}
		v := View{ID: fmt.Sprint(row[0]), Fields: TextMap(row[1]), Counts: TextMap(row[2]), Codes: TextMap(row[3])}
		v.Targets, _ = row[4].(int64)
		v.Active = row[5] == int64(1)
		if len(v.Fields) > 0 {
			out = append(out, v)
		}
	}
	return out, nil
}

// Rollout decodes a view.
func (v View) Rollout() (rollout.Rollout, error) {
	if v.Broken != "" {
		return rollout.Rollout{}, errors.New(v.Broken)
	}
	id, f := v.ID, v.Fields
	num := func(key string) int64 { n, _ := strconv.ParseInt(f[key], 10, 64); return n } // absent is 0
	r := rollout.Rollout{
		ID: id, Name: f["name"], Digest: f["digest"], Status: rollout.Status(f["status"]), Why: f["why"], By: f["by"],
		Created: FromMilli(num("created")), StartAt: FromMilli(num("start")), Started: FromMilli(num("started")), Ended: FromMilli(num("ended")),
		Total: int(num("total")), Revision: int(num("revision")), OpenWave: int(num("wave")), ReleaseApproved: f["release_approved"] != "",
		Gates: make(map[int]rollout.GateState), Counts: make(rollout.Counts, len(v.Counts)), Codes: make(map[int64]int, len(v.Codes)),
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
	for key, text := range v.Counts {
		cell, err := rollout.ParseCell(key)
		if err != nil {
			return r, err
		}
		if r.Counts[cell], err = strconv.Atoi(text); err != nil {
			return r, fmt.Errorf("count cell %q: %w", key, err)
		}
	}
	for key, text := range v.Codes {
		code, _ := strconv.ParseInt(key, 10, 64)
		n, _ := strconv.Atoi(text)
		r.Codes[code] = n
	}
	return r, nil
}
