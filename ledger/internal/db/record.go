package db

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// EncodeBody is the part of a record that scripts never read.
func EncodeBody(t rollout.Target) (string, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("encode target %s: %w", t.AppID, err)
	}
	return string(b), nil
}

// DecodeRecord reads what the scripts wrote: a header of seven fields and the body.
func DecodeRecord(rolloutID, appID, record string) (rollout.Target, error) {
	bad := func(what string) (rollout.Target, error) {
		return rollout.Target{}, fmt.Errorf("ledger record of %s/%s: bad %s in %.80q", rolloutID, appID, what, record)
	}
	f := strings.SplitN(record, "|", 8)
	if len(f) != 8 {
		return bad("header")
	}
	var t rollout.Target
	if err := json.Unmarshal([]byte(f[7]), &t); err != nil {
		return bad("body")
	}
	var n [4]int64
	for i := range n {
		v, err := strconv.ParseInt(f[3+i], 10, 64)
		if err != nil {
			return bad("number")
		}
		n[i] = v
	}
	t.Rollout, t.AppID = rolloutID, appID
	t.Stage, t.State, t.Reason = rollout.Stage(f[0]), rollout.State(f[1]), rollout.Reason(f[2])
	t.Fence, t.Version, t.Rank = n[0], n[1], n[3]
	t.Due = FromMilli(n[2])
	return t, nil
}

// FromMilli is a server time in ms; 0 is the zero time.
func FromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// ToMilli is a time in ms; the zero time is 0.
func ToMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Milli is d in whole milliseconds, rounded up.
func Milli(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
