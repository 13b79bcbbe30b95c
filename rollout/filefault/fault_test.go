package filefault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout/filefault"
)

func TestFaultsPrintFifty(t *testing.T) {
	t.Parallel()
	var faults filefault.Faults
	for i := range filefault.FaultsShown + 7 {
		faults = append(faults, filefault.Fault{File: "a.csv", Line: i + 1, Msg: "bad"})
	}
	lines := strings.Split(faults.Error(), "\n")
	if len(lines) != filefault.FaultsShown+1 || lines[0] != "a.csv:1: bad" || lines[filefault.FaultsShown] != "and 7 more" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestFaultText(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(filefault.Fault{File: "plan.yaml", Line: 12, Key: "audit.in_audit", Value: "wiat", Msg: "want wait, withdraw or skip"})
	if want := `plan.yaml:12: audit.in_audit: "wiat": want wait, withdraw or skip`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
