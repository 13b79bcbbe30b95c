package operator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
)

// stored plays the credentials in Redis.
type stored struct {
	ticket operator.Ticket
	seals  operator.Seals
	err    error
}

func (s stored) Ticket(context.Context) (operator.Ticket, error) { return s.ticket, s.err }

func (s stored) Seals(context.Context, bool, func(done, total int)) (operator.Seals, error) {
	return s.seals, s.err
}

func TestCheckCredentials(t *testing.T) {
	t.Parallel()
	ticket := func(age, asked time.Duration, byHand bool) stored {
		return stored{ticket: operator.Ticket{
			Age: age, Stale: time.Hour, Life: 12 * time.Hour, ByHand: byHand, Asked: asked, Answer: "runs already, says WeChat",
		}}
	}
	const asked = "asked to push again 5m0s ago: runs already, says WeChat"
	for name, tt := range map[string]struct {
		stored stored
		check  string
		level  operator.Level
		fault  bool // of credentials
		text   string
	}{
		"fresh":             {ticket(7*time.Minute, -1, false), "verify ticket", operator.LevelOK, false, "pushed 7m0s ago"},
		"stale":             {ticket(3*time.Hour, 5*time.Minute, false), "verify ticket", operator.LevelWarn, false, asked},
		"too old":           {ticket(13*time.Hour, 5*time.Minute, false), "verify ticket", operator.LevelFail, true, "WeChat takes none after 12h0m0s; WeChat was " + asked},
		"too old, by hand":  {ticket(13*time.Hour, -1, true), "verify ticket", operator.LevelWarn, false, "one set by hand serves"},
		"none":              {ticket(-1, -1, false), "verify ticket", operator.LevelFail, true, "none was pushed yet"},
		"none, but by hand": {ticket(-1, -1, true), "verify ticket", operator.LevelWarn, false, "none was pushed yet; one set by hand serves"},
		"no answer":         {stored{err: errors.New("LOADING")}, "verify ticket", operator.LevelFail, false, "LOADING"},
		"current key":       {stored{seals: operator.Seals{Values: 9}}, "sealing key", operator.LevelOK, false, "all 9"},
		"previous key":      {stored{seals: operator.Seals{Values: 9, Previous: 4}}, "sealing key", operator.LevelWarn, false, "4 of 9"},
		"another key": {stored{seals: operator.Seals{Values: 9, Previous: 4, Unreadable: 2, Examples: []string{"row-1", "row-2"}}},
			"sealing key", operator.LevelFail, true, "2 of 9 stored values open with neither key, such as row-1, row-2"},
		"no answer of seals": {stored{err: errors.New("LOADING")}, "sealing key", operator.LevelFail, false, "LOADING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := operator.New(operator.Deps{Credentials: tt.stored})
			for _, r := range op.CheckCredentials(t.Context()) {
				if r.Name == tt.check {
					if r.Level != tt.level || r.Credentials != tt.fault || !strings.Contains(r.Detail, tt.text) || (r.Level == operator.LevelWarn) && r.Hint == "" {
						t.Errorf("got %+v", r)
					}
					return
				}
			}
			t.Errorf("no check %q", tt.check)
		})
	}
}

func TestSealsNeedCredentials(t *testing.T) {
	t.Parallel()
	op := operator.New(operator.Deps{})
	if _, err := op.Seals(t.Context(), true, nil); err == nil || !strings.Contains(err.Error(), "WXROLLOUT_SEAL_KEY") {
		t.Errorf("got %v", err)
	}
}
