package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want exit.Code
	}{
		{"nothing", nil, 0},
		{"anything", errors.New("x"), 1},
		{"faults of a plan", filefault.Faults{{Msg: "x"}}, 1},
		{"usage", exit.Usagef("x"), 2},
		{"a yes is missing", exit.Unconfirmed("x"), 2},
		{"settings", &config.Error{}, 2},
		{"filter", fmt.Errorf("x: %w", &view.FilterError{}), 2},
		{"held", exit.With(exit.Held), 3},
		{"credentials", &wxclient.Error{Code: 40125, Class: wxclient.ClassFatalConfig}, 4},
		{"offline", &credential.OfflineError{}, 4},
		{"aborted", exit.With(exit.Aborted), 5},
		{"failures", exit.With(exit.Failures), 6},
		{"not found", &operator.UnknownRolloutError{Ref: "x"}, 1},
		{"taken", &ledger.TakenError{}, 1},
	}
	for _, tt := range tests {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestReportAll prints every fault, however many and however joined.
func TestReportAll(t *testing.T) {
	t.Parallel()
	var faults filefault.Faults
	for i := range 120 {
		faults = append(faults, filefault.Fault{File: "apps.csv", Line: i + 1, Msg: fmt.Sprint("wrong ", i)})
	}
	f := newFake("")
	report(f.Env, nil, errors.Join(errors.New("one more"), faults))
	if got := strings.Count(f.Stderr.String(), "\n  "); got != 121 || !strings.HasPrefix(f.Stderr.String(), "enqueue: 121 faults:\n  one more\n  apps.csv:1: wrong 0\n") {
		t.Errorf("%d faults in:\n%.200s", got, f.Stderr.String())
	}
	f = newFake("")
	report(f.Env, nil, exit.With(exit.Held))
	if f.Stderr.Len() != 0 {
		t.Errorf("a status was reported: %q", f.Stderr.String())
	}
}

func TestHelpOfUsageErrors(t *testing.T) {
	t.Parallel()
	f := newFake("")
	if code := f.execute("get", "rollouts", "--limit", "many"); code != exit.Usage || !strings.Contains(f.Stderr.String(), "usage: enqueue get rollouts") || f.Stdout.Len() > 0 {
		t.Errorf("exit %d, stderr %q", code, f.Stderr.String())
	}
	f = newFake("")
	if code := f.execute("get", "rollouts"); code != exit.Error || f.Stderr.String() != "enqueue: no operator in this test\n" {
		t.Errorf("exit %d, stderr %q", code, f.Stderr.String())
	}
}
