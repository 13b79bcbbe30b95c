package tasks

import (
	"context"

	"github.com/wxrollout/wxrollout/rollout"
)

// faultText is the longest text of a fault in runes: its cause with WeChat's own words at the end.
const faultText = 800

// platformFault records a fault of the platform and gives the assignment back: no attempt, no busy
// count, no blame. If the same call is proven to work for other apps, it is this app's fault.
func (r *run) platformFault(ctx context.Context, j judged, lastError rollout.LastError) rollout.Event {
	f := rollout.PlatformFault{Text: clipTo(j.cause.Error(), faultText), Endpoint: j.endpoint, Confirm: j.confirm}
	if j.api != nil {
		f.Code, f.RID, f.IP = j.api.Code, j.api.RID, addressIn(j.api.Msg)
	}
	news, err := r.ledger.NotePlatformFault(context.WithoutCancel(ctx), f, r.assignment.AppID)
	switch {
	case err != nil:
		r.log.Error().Err(err).Msg("fault of the platform not recorded; the target is tried again")
	case news == rollout.FaultAlone:
		lastError.Text = clip("for this app alone, while other apps work: " + lastError.Text)
		return r.failed(lastError)
	case news == rollout.FaultBegan:
		r.log.Error().Int64("errcode", f.Code).Str("endpoint", f.Endpoint).Str("ip", f.IP).Str("rid", f.RID).Str("cause", f.Text).
			Msg("fault of the platform: nothing is dispatched until a probe succeeds")
	}
	return r.unbegun("a fault of the platform: " + lastError.Text)
}
