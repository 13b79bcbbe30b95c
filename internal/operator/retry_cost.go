package operator

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// lookMost bounds how many apps a retry reads the last audit of.
const lookMost = 200

// cost is the count of submissions that a retried target belongs to.
func (e *edit) cost(ctx context.Context, was, next rollout.Target) *int {
	switch {
	case next.Stage == rollout.StageUndo:
		return new(int)
	case !next.Stage.Before(rollout.StageVerdict):
		return &e.out.Follows
	case e.opt.Recommit || was.Stage != rollout.StageSubmit:
		return &e.out.Resubmits
	}
	lost := was.Intent != nil && was.Intent.Op == rollout.OpSubmit
	if e.o.d.WeChat == nil || e.looked >= lookMost {
		if lost {
			return &e.out.Unsure
		}
		return &e.out.Resubmits
	}
	e.looked++
	var latest wxclient.Audit
	err := e.o.d.Readers.Borrow(ctx, was.AppID, func(ctx context.Context) (err error) {
		latest, err = e.o.d.WeChat.LatestAudit(ctx, was.AppID)
		return err
	})
	api := (*wxclient.Error)(nil)
	switch {
	case errors.As(err, &api) && slices.Contains(neverAudited, api.Code):
		return &e.out.Resubmits
	case err != nil || latest.ID == 0:
		return &e.out.Unsure
	case takenUp(e.r.ID, was, latest, lost):
		return &e.out.Follows
	default:
		return &e.out.Resubmits
	}
}

// takenUp reports whether the submit stage will find that an app's last submission is the
// target's own.
func takenUp(id string, t rollout.Target, latest wxclient.Audit, lost bool) bool {
	return latest.ID != t.PastAuditID && strings.HasSuffix(latest.Desc, rollout.Marker(id, t.Revision)) &&
		(lost || latest.Status != wxclient.AuditWithdrawn)
}
