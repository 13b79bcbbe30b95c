// Package exit has the exit codes of enqueue and the errors that select them.
package exit

import (
	"errors"
	"fmt"
)

// Code is an exit code of the process. Scripts depend on the values: they never change.
type Code int

// The exit codes.
const (
	OK          Code = 0 // done, or healthy
	Error       Code = 1 // anything that has no separate code
	Usage       Code = 2 // wrong command line or settings, or a missing confirmation
	Held        Code = 3 // a gate holds the rollout, or it is paused
	Credentials Code = 4 // the platform's credentials are missing or refused
	Aborted     Code = 5 // the rollout was aborted
	Failures    Code = 6 // the rollout is done with rejected or failed targets
	TimedOut    Code = 7 // the time of --timeout is over; the rollout continues
)

// UsageError is a command line that makes no sense.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// UsageOf makes err a usage error.
func UsageOf(err error) error { return &UsageError{err} }

// Usagef formats a usage error.
func Usagef(format string, args ...any) error { return UsageOf(fmt.Errorf(format, args...)) }

// UnconfirmedError refuses a change that needs a confirmation when there is no terminal to ask on.
type UnconfirmedError struct{ text string }

func (e *UnconfirmedError) Error() string { return e.text }

// Unconfirmed returns an UnconfirmedError.
func Unconfirmed(text string) error { return &UnconfirmedError{text} }

// StatusError sets the exit code and prints nothing: the command has printed what there is to say.
type StatusError struct{ Code Code }

func (e *StatusError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// With returns a StatusError.
func With(code Code) error { return &StatusError{code} }

// CodeOf returns the exit code of an error of this package, and Error for any other.
func CodeOf(err error) Code {
	var status *StatusError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &status):
		return status.Code
	case errors.As(err, new(*UsageError)), errors.As(err, new(*UnconfirmedError)):
		return Usage
	default:
		return Error
	}
}
