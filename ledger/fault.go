package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// PlatformFault is the fault that the ledger keeps while it is active.
type PlatformFault = rollout.PlatformFault

const (
	// faultFirstProbe is how long after its begin a fault is probed first: a single lost reply
	// of the token service is over by then.
	faultFirstProbe = time.Second
	// faultProbeMax is the longest wait between two probes. It limits the delay of
	// recovery after a fault ends.
	faultProbeMax = time.Minute
	// faultReturns is how soon after its end a fault of the same code counts as the same one, which
	// the probe didn't see.
	faultReturns = 10 * time.Minute
	// faultApps is how many apps a fault names as its witnesses.
	faultApps = 8
	// faultAlone is how long an app that was proven to fail alone is believed to.
	faultAlone = time.Hour
)

// FaultProbeWait is the wait after the n-th failed probe (from 0): it doubles, up to a minute.
func FaultProbeWait(n int) time.Duration {
	return min(2*faultFirstProbe<<min(max(n, 0), 10), faultProbeMax)
}

// NotePlatformFault records that an app met a fault of the platform. The first report
// begins it. For a report that needs confirmation the result is [rollout.FaultAlone] if a
// recent probe has proven that only this app is affected.
func (l *Ledger) NotePlatformFault(ctx context.Context, f PlatformFault, app string) (rollout.FaultReport, error) {
	confirm := 0
	if f.Confirm {
		confirm = 1
	}
	news, err := db.Run(ctx, l.rdb, faultNoteScript, f.Code, f.Text, f.Endpoint, f.IP, f.RID, app, confirm,
		db.Milli(faultFirstProbe), db.Milli(faultProbeMax), db.Milli(faultReturns), faultApps).Text()
	return rollout.FaultReport(news), db.Failed(err, "record a fault of the platform")
}

// PlatformFault reads the active fault; nil if there is none.
func (l *Ledger) PlatformFault(ctx context.Context) (*PlatformFault, error) {
	h, err := l.rdb.HGetAll(ctx, db.KeyFault).Result()
	if err != nil {
		return nil, db.Failed(err, "read the fault of the platform")
	}
	if len(h) == 0 {
		return nil, nil
	}
	return decodeFault(h)
}

func decodeFault(h map[string]string) (*PlatformFault, error) {
	f := &PlatformFault{Text: h["text"], Endpoint: h["endpoint"], IP: h["ip"], RID: h["rid"], Confirm: h["confirm"] == "1"}
	var numbers [5]int64
	for i, name := range []string{"code", "since", "seen", "probe", "probes"} {
		var err error
		if numbers[i], err = db.ParseInt("fault "+name, h[name]); err != nil {
			return nil, err
		}
	}
	f.Code, f.Since, f.LastSeen, f.ProbeAt = numbers[0], db.FromMilli(numbers[1]), db.FromMilli(numbers[2]), db.FromMilli(numbers[3])
	f.Probes = int(numbers[4])
	if err := json.Unmarshal([]byte(h["apps"]), &f.Apps); err != nil {
		return nil, fmt.Errorf("ledger: apps of the platform's fault: %w", err)
	}
	return f, nil
}

// BeginProbe reports whether the fault is to be probed now, and sets when it is probed again. It is
// false before its time, and if the fault is over.
func (l *Ledger) BeginProbe(ctx context.Context, f PlatformFault) (bool, error) {
	n, err := db.Run(ctx, l.rdb, faultProbeScript, f.Since.UnixMilli(), db.Milli(FaultProbeWait(f.Probes))).Int()
	return n == 1, db.Failed(err, "begin a probe of the platform")
}

// ClearPlatformFault ends the fault that was probed, unless another one began since; false then.
// The apps named are those that fail where others work: for an hour a report of theirs that needs
// confirmation is their own fault.
func (l *Ledger) ClearPlatformFault(ctx context.Context, f PlatformFault, alone ...string) (bool, error) {
	args := []any{f.Since.UnixMilli(), db.Milli(faultAlone)}
	for _, app := range alone {
		args = append(args, app)
	}
	n, err := db.Run(ctx, l.rdb, faultClearScript, args...).Int()
	return n == 1, db.Failed(err, "end the fault of the platform")
}
