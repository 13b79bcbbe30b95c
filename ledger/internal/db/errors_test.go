package db_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

// The words of a refusal differ by version and by where it was raised.
func TestUnavailableInOtherWords(t *testing.T) {
	t.Parallel()
	_, rdb := redistest.Mini(t)
	for text, hint := range map[string]string{
		"OOM command not allowed when used memory > 'maxmemory'.":                                                           "maxmemory",
		"ERR Error running script (call to f_0): @user_script:12: -OOM command not allowed when used memory > 'maxmemory'.": "maxmemory",
		"ERR Error running script (call to f_0): @user_script:12: -READONLY You can't write against a read only replica.":   "replica",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.":                  "disk",
		"NOAUTH Authentication required.":                         "password",
		"ERR Protocol error: unauthenticated multibulk length":    "password",
		"ERR Error running script (call to f_0): a plain mistake": "",
		"OOMPH is no code": "",
	} {
		err := redis.NewScript(fmt.Sprintf("return redis.error_reply(%q)", text)).Run(t.Context(), rdb, []string{"k"}).Err()
		if err = db.Failed(err, "try"); !strings.HasPrefix(err.Error(), "try: ") {
			t.Errorf("%q became %v", text, err)
		}
		var u *db.UnavailableError
		if errors.As(err, &u) != (hint != "") || (u != nil && !strings.Contains(u.Hint, hint)) {
			t.Errorf("%q became %v; want a hint about %q", text, err, hint)
		}
	}
}
