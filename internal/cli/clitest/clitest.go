// Package clitest gives tests of the command line an environment without a terminal
// and without an operator.
package clitest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// Noon is the time of every fake environment.
var Noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// ErrNoOperator is the error of opening the operator of a fake environment.
var ErrNoOperator = errors.New("no operator in this test")

// Fake is an environment that keeps what is written to it.
type Fake struct {
	*command.Env
	Stdout, Stderr bytes.Buffer
}

// New returns a fake environment with in as its standard input.
func New(in string) *Fake {
	f := &Fake{}
	f.Env = &command.Env{
		Streams: term.Streams{
			In: strings.NewReader(in), Out: &f.Stdout, Err: &f.Stderr,
			Size: func() (int, int) { return 80, 30 }, Now: func() time.Time { return Noon },
		},
		Open: func(context.Context) (t command.Tools, done func() error, err error) { return t, nil, ErrNoOperator },
	}
	return f
}

// Build makes a command that calls run with the options that it parsed.
type Build[O any] = func(*command.Env, func(context.Context, *command.Env, O) error) *cobra.Command

// Parse returns the options that a command line means to the command of build.
func Parse[O any](build Build[O], line string) (got O, err error) {
	f := New("")
	cmd := build(f.Env, func(_ context.Context, _ *command.Env, o O) error {
		got = o
		return nil
	})
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(f.Out)
	cmd.SetErr(f.Err)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return got, cmd.ExecuteContext(context.Background())
}

// Same compares the options that a command line means with want.
func Same[O any](t *testing.T, build Build[O], line string, want O) {
	t.Helper()
	got, err := Parse(build, line)
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}
