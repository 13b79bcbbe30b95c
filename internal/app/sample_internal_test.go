package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/rollout"
)

// logged are the lines of a log.
func logged(t *testing.T, log *bytes.Buffer) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	return lines
}

// TestEndedTargetsAreSampled: the first of each kind is logged, and each of the others is logged or counted.
func TestEndedTargetsAreSampled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newTargetLog(zerolog.New(&out))
	const many = 5000
	released := rollout.Target{Rollout: "spring", AppID: "wx1", Stage: rollout.StageRelease, State: rollout.StateReleased}
	for range many {
		l.note(rollout.Target{}, "released", released)
	}
	for _, code := range []int64{85009, 86002} {
		l.note(rollout.Target{}, "failed", rollout.Target{Rollout: "spring", AppID: "wx2", Stage: rollout.StageSubmit, State: rollout.StateFailed,
			LastError: &rollout.LastError{Class: "fatal-app", Code: code, Text: "hush"}})
	}
	l.note(rollout.Target{}, "committed", rollout.Target{Rollout: "spring", AppID: "wx3", Stage: rollout.StageCheck, State: rollout.StatePending})
	l.flush()
	shown, dropped, codes, debug := 0, 0, 0, 0
	for _, line := range logged(t, &out) {
		if n, ok := line["dropped"].(float64); ok {
			dropped += int(n)
		}
		switch {
		case line["message"] == "target ended" && line["state"] == "released":
			shown++
		case line["message"] == "target ended" && line["rollout"] == "spring" && line["target"] == "wx2" && line["errcode"] != nil:
			codes++
		case line["level"] == "debug" && line["message"] == "target moved":
			debug++
		}
	}
	if shown == 0 || shown == many || shown+dropped != many || codes != 2 || debug != 1 {
		t.Errorf("%d lines and %d dropped of %d, %d of 2 errcodes, %d of 1 at debug", shown, dropped, many, codes, debug)
	}
	if strings.Contains(out.String(), "hush") {
		t.Error("a line shows WeChat's text")
	}
}

// TestHotLinesAreSampled: a message that repeats is not logged each time, and debug lines always are.
func TestHotLinesAreSampled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLog(&config.Config{LogLevel: "debug", LogFormat: "json"}, &out)
	const many = 5000
	for range many {
		log.Warn().Str("line", "no route").Msg("asynq")
		log.Debug().Msg("detail")
	}
	log.Info().Msg("worker stopped")
	count := make(map[any]int)
	for _, line := range logged(t, &out) {
		count[line["message"]]++
	}
	if n := count["asynq"]; n == 0 || n == many || count["detail"] != many || count["worker stopped"] != 1 {
		t.Errorf("%v, want some of the warnings and all others", count)
	}
}
