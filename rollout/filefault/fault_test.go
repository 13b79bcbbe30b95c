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
		faults = append(faults, filefault.Fault{File: "a.csv", Line: i + 1, Msg: fmt.Sprint("bad ", i)})
	}
	lines := strings.Split(faults.Error(), "\n")
	if len(lines) != filefault.FaultsShown+1 || lines[0] != "a.csv:1: bad 0" || lines[filefault.FaultsShown] != "and 7 more" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// TestFaultsInCommon: a fault of more than three lines is reported once, with their number.
func TestFaultsInCommon(t *testing.T) {
	t.Parallel()
	var faults filefault.Faults
	for i := range 1203 {
		faults = append(faults, filefault.Fault{File: "a.csv", Line: i + 2, Key: "n", Value: fmt.Sprint("v", i), App: fmt.Sprint("wx", i), Msg: "is bad"})
		if i < 3 {
			faults = append(faults, filefault.Fault{File: "a.csv", Line: i + 2, Key: "m", Msg: "is bad"})
		}
	}
	want := `a.csv:2: wx0: n: "v0": is bad (on 1203 lines: 2, 3, 4, ...)
a.csv:2: m: is bad
a.csv:3: m: is bad
a.csv:4: m: is bad`
	if got := faults.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFaultText(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(filefault.Fault{File: "plan.yaml", Line: 12, Key: "audit.in_audit", Value: "wiat", Msg: "want wait, withdraw or skip"})
	if want := `plan.yaml:12: audit.in_audit: "wiat": want wait, withdraw or skip`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
