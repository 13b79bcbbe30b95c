package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Start renews the lease of an assignment and reads its target, which may be at a
// later stage of the queue than the one that the assignment was given for. An assignment that was
// given to another worker, or is over, is a *rollout.StaleError: drop the task.
func (l *Ledger) Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error) {
	list, err := db.Texts(db.Run(ctx, l.rdb, startScript, t.Rollout, t.AppID, t.Fence, db.Milli(lease)))
	if err != nil {
		return rollout.Started{}, db.Failed(err, "start assignment of rollout %s, app %s", t.Rollout, t.AppID)
	}
	if len(list) < 8 || list[0] != "ok" {
		return rollout.Started{}, &rollout.StaleError{Rollout: t.Rollout, AppID: t.AppID, Fence: t.Fence}
	}
	target, err := decodeRecord(t.Rollout, t.AppID, list[1])
	if err != nil {
		return rollout.Started{}, err
	}
	us, err := db.ParseInt("server time", list[4])
	if err != nil {
		return rollout.Started{}, err
	}
	created, err := db.ParseInt("creation", list[5])
	if err != nil {
		return rollout.Started{}, err
	}
	return rollout.Started{
		Target: target, Status: rollout.Status(list[2]), ReleaseApproved: list[3] != "", Now: time.UnixMicro(us),
		Created: db.FromMilli(created), Releases: decodeReleases(list[6]), Fault: list[7] == "1",
	}, nil
}

// Save stores next if the stored target is still was (same version, same
// fence), and returns it with its new version. Otherwise it is a *StaleError. A
// target that was to park is pending in what it returns if news came: see Wake.
func (l *Ledger) Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	args, err := saveArgs(was, next, o)
	if err != nil {
		return was, err
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, saveScript, args...))
	if err != nil {
		return was, db.Failed(err, "save rollout %s, app %s at %s", was.Rollout, was.AppID, next.Stage)
	}
	return saved(was, next, list)
}

func saveArgs(was, next rollout.Target, o rollout.SaveOptions) ([]any, error) {
	body, err := db.EncodeBody(next)
	if err != nil {
		return nil, err
	}
	wait := next.Wait
	if next.State == rollout.StateRunning {
		wait += o.Lease
	}
	mode := ""
	if o.Call {
		mode = "call"
	}
	code, before := failedWith(next), failedWith(was)
	if code == before {
		code, before = "", ""
	}
	return []any{
		was.Rollout, was.AppID, was.Version, was.Fence,
		string(next.Stage), string(next.State), string(next.Reason), db.Milli(wait), body, mode, code, before, o.Version,
	}, nil
}

// failedWith is the errcode a target failed with; "" if it didn't or there is
// none. A failed undo says nothing of the plan.
func failedWith(t rollout.Target) string {
	if t.State != rollout.StateFailed || t.Stage == rollout.StageUndo || t.LastError == nil || t.LastError.Code == 0 {
		return ""
	}
	return strconv.FormatInt(t.LastError.Code, 10)
}

// saved reads the save script's answer.
func saved(was, next rollout.Target, list []string) (rollout.Target, error) {
	switch list[0] {
	case "ok":
		version, err1 := db.ParseInt("version", list[1])
		due, err2 := db.ParseInt("due", list[2])
		next.Version, next.Due, next.Wait = version, db.FromMilli(due), 0
		if state := rollout.State(list[3]); state != next.State { // news came during the assignment
			next.State, next.Reason = state, ""
			if next.Intent != nil {
				next.Reason = rollout.ReasonUnknown
			}
		}
		return next, errors.Join(err1, err2)
	case "held":
		return was, &rollout.HeldError{Rollout: was.Rollout, AppID: was.AppID, Status: rollout.Status(list[1]), Gate: list[2] != ""}
	default:
		return was, &rollout.StaleError{Rollout: was.Rollout, AppID: was.AppID, Fence: was.Fence}
	}
}
