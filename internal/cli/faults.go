package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// codeOf returns the exit code of an error.
func codeOf(err error) exit.Code {
	switch {
	case errors.As(err, new(*exit.StatusError)):
	case errors.As(err, new(*config.Error)), errors.As(err, new(*view.FilterError)), errors.As(err, new(*selector.Error)):
		return exit.Usage
	case credential.AtFault(err):
		return exit.Credentials
	}
	return exit.CodeOf(err)
}

// withOutError returns err and the error of writing the output. A lost result is never a
// success or a mere status.
func withOutError(env *command.Env, err error) error {
	lost := env.OutError()
	if lost == nil {
		return err
	}
	var cause *fs.PathError
	text := lost
	if errors.As(lost, &cause) {
		text = cause.Err
	}
	text = fmt.Errorf("write the output: %w", text)
	if err == nil || errors.Is(err, lost) || errors.As(err, new(*exit.StatusError)) {
		return text
	}
	return errors.Join(err, text)
}

// report prints an error with a line per fault, followed by the usage if the command
// line is at fault.
func report(env *command.Env, cmd *cobra.Command, err error) {
	if errors.As(err, new(*exit.StatusError)) {
		return
	}
	lines := faultLines(err)
	if len(lines) == 1 {
		env.Talk("enqueue: %s\n", lines[0])
	} else {
		env.Talk("enqueue: %d faults:\n  %s\n", len(lines), strings.Join(lines, "\n  "))
	}
	if errors.As(err, new(*exit.UsageError)) && cmd != nil {
		env.Talk("usage: %s\nsee %s --help\n", cmd.UseLine(), cmd.CommandPath())
	}
}

// faultLines are all lines of an error: filefault.Faults prints only the first ones.
func faultLines(err error) []string {
	switch e := err.(type) { //nolint:errorlint // a joined error is split into its parts
	case filefault.Faults:
		e = e.Grouped()
		lines := make([]string, len(e))
		for i, f := range e {
			lines[i] = f.String()
		}
		return lines
	case *config.Error:
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
