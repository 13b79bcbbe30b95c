package ledger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// ErrNotFound says that there is no such rollout, target, plan revision or schedule.
var ErrNotFound = errors.New("not found")

// UnavailableError says that Redis answered, but refuses what was asked in the
// state it is in: out of memory, a replica, a failing disk, wrong credentials.
// A write that ends so was not done. Trying again helps only after Hint.
type UnavailableError struct {
	// What was being done.
	What string
	// Hint is what an operator should do.
	Hint string
	// Err is Redis's answer.
	Err error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s: Redis refuses (%v): %s", e.What, e.Err, e.Hint)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// hints says what to do about each of Redis's refusals, by error code.
var hints = map[string]string{
	"OOM":         "raise maxmemory or free memory; keep maxmemory-policy at noeviction",
	"READONLY":    "this server is a replica: connect to the primary, or through Sentinel",
	"MISCONF":     "Redis can't write its snapshot or append-only file: look at its log and its disk",
	"NOREPLICAS":  "fewer replicas are connected than min-replicas-to-write: bring them back",
	"LOADING":     "Redis is reading its data from disk: wait until it has",
	"MASTERDOWN":  "this replica lost its primary: connect to the primary, or through Sentinel",
	"CLUSTERDOWN": "some slots have no node: see CLUSTER INFO",
	"NOAUTH":      "set the Redis user name and password",
	"WRONGPASS":   "check the Redis user name and password",
	"NOPERM":      "let the Redis user run every command the ledger needs (see ACL LOG)",
}

// failed wraps an error of Redis with what was being done; nil stays nil.
func failed(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	if strings.Contains(err.Error(), "unauthenticated") { // what NOAUTH is called for a long command
		return &UnavailableError{What: what, Hint: hints["NOAUTH"], Err: err}
	}
	for code, hint := range hints {
		// Redis before 7 puts a script's error behind "ERR Error running script ...: -".
		if redis.HasErrorPrefix(err, code+" ") || strings.Contains(err.Error(), ": -"+code+" ") {
			return &UnavailableError{What: what, Hint: hint, Err: err}
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// StatusError says that a rollout's status doesn't allow a change. Status is ""
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

// BrokenError says that what the ledger holds of a rollout, or of one of its targets,
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

// Broken parts an error of a list into what it says of single rollouts and targets,
// without which the list is as it should be, and the rest (nil if there is none).
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

// TakenError says that another unfinished rollout has the plan's name.
type TakenError struct {
	Name, Other string
	Status      rollout.Status
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the name %q belongs to rollout %s, which is %s and has other content: let it end, abort it, or choose another name", e.Name, e.Other, e.Status)
}

// CountError says that a load ended with another number of targets than planned.
type CountError struct {
	// Of is the rollout or schedule.
	Of         string
	Have, Want int
}

func (e *CountError) Error() string {
	return fmt.Sprintf("%s holds %d targets, the plan has %d: apply it again to complete it", e.Of, e.Have, e.Want)
}
