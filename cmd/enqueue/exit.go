package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// exitCode is what the process ends with. Scripts rely on them: they never change.
type exitCode int

const (
	// exitOK: done, or healthy.
	exitOK exitCode = 0
	// exitError: something went wrong.
	exitError exitCode = 1
	// exitUsage: the command line or the settings are wrong, or a confirmation is missing.
	exitUsage exitCode = 2
	// exitHeld: a gate holds the rollout, or it is paused.
	exitHeld exitCode = 3
	// exitCredentials: the platform's credentials are missing or refused.
	exitCredentials exitCode = 4
	// exitAborted: the rollout was aborted.
	exitAborted exitCode = 5
	// exitFailures: the rollout is done, and targets were rejected or failed.
	exitFailures exitCode = 6
)

// usageError is a command line that can't mean anything.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// needsYesError is a change that wants a confirmation nobody could give.
type needsYesError struct{ text string }

func (e *needsYesError) Error() string { return e.text }

// statusError ends the process with a code that tells how a rollout stands, or
// that what went wrong was told already. It prints nothing.
type statusError struct{ code exitCode }

func (e *statusError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// codeOf is the exit code that fits an error.
func codeOf(err error) exitCode {
	var status *statusError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return status.code
	case errors.As(err, new(*usageError)), errors.As(err, new(*needsYesError)), errors.As(err, new(*app.SettingsError)),
		errors.As(err, new(*operator.FilterError)), errors.As(err, new(*selector.Error)):
		return exitUsage
	case operator.IsCredential(err):
		return exitCredentials
	default:
		return exitError
	}
}

// tell prints an error for a person: all of it, a line per fault, and the usage
// only where the command line was at fault.
func (d *deps) tell(cmd *cobra.Command, err error) {
	if errors.As(err, new(*statusError)) {
		return
	}
	lines := faultLines(err)
	if len(lines) == 1 {
		d.talk("enqueue: %s\n", lines[0])
	} else {
		d.talk("enqueue: %d faults:\n  %s\n", len(lines), strings.Join(lines, "\n  "))
	}
	if errors.As(err, new(*usageError)) && cmd != nil {
		d.talk("usage: %s\nsee %s --help\n", cmd.UseLine(), cmd.CommandPath())
	}
}

// faultLines are the lines of an error, without the limit of planfile.Faults.
func faultLines(err error) []string {
	switch e := err.(type) { //nolint:errorlint // taken apart as it was joined
	case planfile.Faults:
		lines := make([]string, len(e))
		for i, f := range e {
			lines[i] = f.String()
		}
		return lines
	case *app.SettingsError:
		return e.Faults
	case interface{ Unwrap() []error }:
		var lines []string
		for _, part := range e.Unwrap() {
			lines = append(lines, faultLines(part)...)
		}
		return lines
	default:
		return strings.Split(err.Error(), "\n")
	}
}
