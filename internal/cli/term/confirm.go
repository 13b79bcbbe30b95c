package term

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// ConfirmAbove is how many things a change may affect before it needs a confirmation.
const ConfirmAbove = 50

// Always makes Confirm ask however little a change affects.
const Always = ConfirmAbove + 1

// Confirm asks before an action that affects more than ConfirmAbove things, such as
// "Apply spring to 60 targets". Without a terminal, --yes is required.
func (s Streams) Confirm(yes bool, affected int, action string) error {
	if yes || affected <= ConfirmAbove {
		return nil
	}
	if !s.InTTY || !s.ErrTTY {
		return exit.Unconfirmed(strings.ToLower(action[:1]) + action[1:] + ": not confirmed: add --yes, or look first with --dry-run")
	}
	s.Talk("%s? [y/N] ", action)
	answer, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		s.Talk("nothing was changed\n")
		return exit.With(exit.Error)
	}
}

// DryRun notes on stderr that the output shows a dry run.
func (s Streams) DryRun() { s.Talk("dry run: nothing was changed\n") }
