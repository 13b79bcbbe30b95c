package term

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/human"
)

// ConfirmAbove is how many targets a change may reach before it wants a confirmation.
const ConfirmAbove = 50

// Confirm asks a person before a change that reaches more than many targets; a
// script has to say --yes.
func (s Streams) Confirm(yes bool, targets int, what string) error {
	return s.Agree(yes, targets, what+" reaches "+human.Plural(targets, "target"))
}

// ConfirmRepair is confirm for a repair of findings.
func (s Streams) ConfirmRepair(yes bool, findings int) error {
	return s.Agree(yes, findings, "the repair fixes "+human.Plural(findings, "finding"))
}

// ConfirmDeletion asks before any deletion of templates: nothing brings them back.
func (s Streams) ConfirmDeletion(yes bool, templates int) error {
	return s.Agree(yes, ConfirmAbove+templates, "deleting "+human.Plural(templates, "template")+" can't be undone")
}

// Agree asks what if n is more than ConfirmAbove, unless yes answers already.
func (s Streams) Agree(yes bool, n int, what string) error {
	if yes || n <= ConfirmAbove {
		return nil
	}
	if !s.InTTY || !s.ErrTTY {
		return exit.Unconfirmed(what + ": add --yes to do it, or --dry-run to look first")
	}
	s.Talk("%s. Do it? [y/N] ", what)
	answer, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		s.Talk("nothing was done\n")
		return exit.With(exit.Error)
	}
}
