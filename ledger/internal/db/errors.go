package db

import (
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// UnavailableError reports that Redis answered, but refuses what was asked in the
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

// Failed wraps an error of Redis with what was being done; nil stays nil.
func Failed(err error, format string, args ...any) error {
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
