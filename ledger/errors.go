package ledger

import (
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// ErrNotFound reports that there is no such rollout, target, plan revision or schedule.
var ErrNotFound = errors.New("not found")

// UnavailableError reports that Redis refuses what was asked in the state it is in.
type UnavailableError = db.UnavailableError

// StatusError reports that a rollout's status doesn't allow a change. Status is ""
// if there is no such rollout.
type StatusError struct {
	Rollout string
	Status  rollout.Status
	Want    rollout.Status
}

func (e *StatusError) Error() string {
	if e.Status == "" {
		return fmt.Sprintf("rollout %s: not found", e.Rollout)
	}
	return fmt.Sprintf("rollout %s is %s: it can't become %s", e.Rollout, e.Status, e.Want)
}

// Is lets errors.Is(err, ErrNotFound) see a missing rollout.
func (e *StatusError) Is(target error) bool { return target == ErrNotFound && e.Status == "" }

// BrokenError reports that what the ledger holds of a rollout, or of one of its targets,
// can't be read. Others go on without it.
type BrokenError struct {
	Rollout string
	// AppID is the target; "" if it is the rollout itself.
	AppID string
	Err   error
}

func (e *BrokenError) Error() string {
	if e.AppID != "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("rollout %s can't be read (%v): enqueue check --deep says what is wrong and what repairs it", e.Rollout, e.Err)
}

func (e *BrokenError) Unwrap() error { return e.Err }

// Broken splits a list error into per-record errors and the rest (nil if there is none).
// Apart from the broken records the list is complete if rest is nil.
func Broken(err error) (broken []*BrokenError, rest error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			b, r := Broken(e)
			broken, rest = append(broken, b...), errors.Join(rest, r)
		}
		return broken, rest
	}
	if one := (*BrokenError)(nil); errors.As(err, &one) {
		return []*BrokenError{one}, nil
	}
	return nil, err
}

// JoinBroken is the broken ones as one error; nil if there is none.
func JoinBroken(broken []*BrokenError) error {
	errs := make([]error, len(broken))
	for i, b := range broken {
		errs[i] = b
	}
	return errors.Join(errs...)
}

// TakenError reports that another unfinished rollout has the plan's name.
type TakenError struct {
	Name, Other string
	Status      rollout.Status
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the name %q belongs to rollout %s, which is %s and has other content: let it end, abort it, or choose another name", e.Name, e.Other, e.Status)
}

// CountError reports that a load ended with another number of targets than planned.
type CountError struct {
	// Of is the rollout or schedule.
	Of         string
	Have, Want int
}

func (e *CountError) Error() string {
	return fmt.Sprintf("%s holds %d targets, the plan has %d: apply it again to complete it", e.Of, e.Have, e.Want)
}
