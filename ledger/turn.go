package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Start renews the lease of a turn and reads its target. A turn that was given
// to somebody else, or is over, is a *rollout.StaleError: drop the task.
func (l *Ledger) Start(ctx context.Context, t rollout.Turn, lease time.Duration) (rollout.Started, error) {
	list, err := texts(run(ctx, l.rdb, startScript, t.Rollout, t.AppID, string(t.Stage), t.Fence, milli(lease)))
	if err != nil {
		return rollout.Started{}, fmt.Errorf("start turn of rollout %s, app %s: %w", t.Rollout, t.AppID, err)
	}
	if len(list) < 5 || list[0] != "ok" {
		return rollout.Started{}, &rollout.StaleError{Rollout: t.Rollout, AppID: t.AppID, Fence: t.Fence}
	}
	target, err := decodeRecord(t.Rollout, t.AppID, list[1])
	if err != nil {
		return rollout.Started{}, err
	}
	us, err := parseInt("server time", list[4])
	if err != nil {
		return rollout.Started{}, err
	}
	return rollout.Started{
		Target: target, Status: rollout.Status(list[2]), Released: list[3] != "", Now: time.UnixMicro(us),
	}, nil
}

// Save stores next if the stored target is still was (same version, same
// fence), and returns it with its new version. Otherwise it is a *StaleError.
func (l *Ledger) Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	args, err := saveArgs(was, next, o)
	if err != nil {
		return was, err
	}
	list, err := texts(run(ctx, l.rdb, saveScript, args...))
	if err != nil {
		return was, fmt.Errorf("save rollout %s, app %s at %s: %w", was.Rollout, was.AppID, next.Stage, err)
	}
	return saved(was, next, list)
}

func saveArgs(was, next rollout.Target, o rollout.SaveOptions) ([]any, error) {
	body, err := encodeBody(next)
	if err != nil {
		return nil, err
	}
	wait := next.Wait
	if next.State == rollout.StateRunning {
		wait += o.Lease
	}
	mode, code := "", ""
	if o.Call {
		mode = "call"
	}
	if next.State == rollout.StateFailed && was.State != rollout.StateFailed && next.Trouble != nil && next.Trouble.Code != 0 {
		code = strconv.FormatInt(next.Trouble.Code, 10)
	}
	return []any{
		was.Rollout, was.AppID, was.Version, was.Fence,
		string(next.Stage), string(next.State), string(next.Reason), milli(wait), body, mode, code,
	}, nil
}

// saved reads the save script's answer.
func saved(was, next rollout.Target, list []string) (rollout.Target, error) {
	switch {
	case len(list) == 2 && list[0] == "ok":
		version, err := parseInt("version", list[1])
		next.Version, next.Wait = version, 0
		return next, err
	case len(list) == 2 && list[0] == "held":
		return was, &rollout.HeldError{Rollout: was.Rollout, AppID: was.AppID, Status: rollout.Status(list[1])}
	default:
		return was, &rollout.StaleError{Rollout: was.Rollout, AppID: was.AppID, Fence: was.Fence}
	}
}

func parseInt(what, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("ledger: %s %q is not a number", what, s)
	}
	return n, nil
}
