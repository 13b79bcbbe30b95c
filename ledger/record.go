package ledger

import (
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// decodeRecord reads a target's record, or returns a *BrokenError.
func decodeRecord(rolloutID, appID, record string) (rollout.Target, error) {
	t, err := db.DecodeRecord(rolloutID, appID, record)
	if err != nil {
		err = &BrokenError{Rollout: rolloutID, AppID: appID, Err: err}
	}
	return t, err
}

// decodeReleases reads what rollouts made live of an app. A line that can't be read is left out.
func decodeReleases(text string) []rollout.Release {
	var list []rollout.Release
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.SplitN(line, "|", 3)
		if len(f) != 3 {
			continue
		}
		if ms, err := strconv.ParseInt(f[1], 10, 64); err == nil {
			list = append(list, rollout.Release{Rollout: f[0], Created: db.FromMilli(ms), Version: f[2]})
		}
	}
	return list
}
