package errcode_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestClasses compares the class of every code with the reviewed list in testdata.
func TestClasses(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/classes.golden")
	if err != nil {
		t.Fatal(err)
	}
	var class errcode.Class
	n := 0
	for _, field := range strings.Fields(string(text)) {
		if name, isClass := strings.CutSuffix(field, ":"); isClass {
			class = errcode.Class(name)
			continue
		}
		code, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if got := errcode.ClassOf(code); got != class {
			t.Errorf("%d is %s, want %s", code, got, class)
		}
		if text, known := errcode.Describe(code); !known || text == "" {
			t.Errorf("%d has no text", code)
		}
	}
	if n != 277 || n != errcode.CodeCount() {
		t.Errorf("%d codes listed and %d in the table, want 277", n, errcode.CodeCount())
	}
}

// TestSimulatorsCodesAreKnown: every answer of the simulator has a known class, so that no rehearsal parks as
// unlisted what the real WeChat would be understood in.
func TestSimulatorsCodesAreKnown(t *testing.T) {
	t.Parallel()
	codes := wxsim.Codes()
	if len(codes) < 80 {
		t.Errorf("the simulator has %d codes only", len(codes))
	}
	for _, code := range codes {
		if _, known := errcode.Describe(int64(code)); !known {
			t.Errorf("the simulator answers %d, which errcodes.csv lacks", code)
		}
	}
}

func TestClassOfSpotChecks(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]errcode.Class{
		0: errcode.ClassOK, -1: errcode.ClassRetryBusy, 40001: errcode.ClassRetryToken, 45009: errcode.ClassThrottlePlatform,
		61039: errcode.ClassWaitExternal, 85009: errcode.ClassAlreadyDone, 85014: errcode.ClassFatalRollout,
		85085: errcode.ClassThrottlePlatform, 86008: errcode.ClassFatalConfig, 9402202: errcode.ClassThrottleApp,
		61007: errcode.ClassFatalApp, 7: errcode.ClassUnknown, 9402205: errcode.ClassThrottleApp,
	} {
		if got := errcode.ClassOf(code); got != want || !slices.Contains(errcode.Classes(), got) {
			t.Errorf("%d is %s, want %s", code, got, want)
		}
	}
	if _, known := errcode.Describe(7); known {
		t.Error("7 is described")
	}
}

func TestIsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("x"), false},
		{&errcode.Error{Code: 9402202}, true},
		{&errcode.Error{Code: 9402205}, true},
		{&errcode.Error{Code: -1}, false},
		{&errcode.OutcomeUnknownError{Err: errors.New("x")}, true},
		{&errcode.NotSentError{Err: &errcode.OutcomeUnknownError{}}, false},
		{&errcode.InvalidRequestError{}, false},
	} {
		if got := errcode.IsOutcomeUnknown(tc.err); got != tc.want {
			t.Errorf("%T %v: got %v", tc.err, tc.err, got)
		}
	}
}
