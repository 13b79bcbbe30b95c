package operator

import (
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/ledger"
)

// UnknownRolloutError reports that nothing is called so. It is a ledger.ErrNotFound.
type UnknownRolloutError struct {
	// Ref is the id, name or prefix that was asked for; "" when there is no rollout at all.
	Ref string
	// Newest are ids of the newest rollouts, for a hint.
	Newest []string
}

func (e *UnknownRolloutError) Error() string {
	switch {
	case e.Ref == "":
		return "there is no rollout yet: apply a plan first"
	case len(e.Newest) == 0:
		return fmt.Sprintf("rollout %q: not found, and there is no rollout yet", e.Ref)
	default:
		return fmt.Sprintf("rollout %q: not found; the newest are %s", e.Ref, strings.Join(e.Newest, ", "))
	}
}

// Is makes it a ledger.ErrNotFound.
func (e *UnknownRolloutError) Is(target error) bool { return target == ledger.ErrNotFound }

// UnknownTargetsError names apps that a rollout lacks.
type UnknownTargetsError struct {
	// Verb changed nothing for that reason; "" for a list, which shows the others.
	Verb   string
	ID     string
	AppIDs []string
}

// unknownListed is how many apps an UnknownTargetsError lists.
const unknownListed = 50

func (e *UnknownTargetsError) Error() string {
	named := strings.Join(e.AppIDs[:min(len(e.AppIDs), unknownListed)], ", ")
	if more := len(e.AppIDs) - unknownListed; more > 0 {
		named += fmt.Sprintf(" and %s more", human.Count(more))
	}
	text := fmt.Sprintf("rollout %s has no target %s: enqueue get targets %s lists its targets", e.ID, named, e.ID)
	if e.Verb != "" {
		text = e.Verb + ": nothing was changed: " + text
	}
	return text
}

// AmbiguousError reports that several rollouts could be meant.
type AmbiguousError struct {
	Ref string
	IDs []string
}

func (e *AmbiguousError) Error() string {
	ids := strings.Join(e.IDs, ", ")
	if e.Ref == "" {
		return "several rollouts are unfinished, name one: " + ids
	}
	return fmt.Sprintf("rollout %q: several begin so: %s", e.Ref, ids)
}

// WaveError reports that no wave waits to be promoted, or not the one that was named.
type WaveError struct {
	ID, Why string
}

func (e *WaveError) Error() string { return fmt.Sprintf("rollout %s: %s", e.ID, e.Why) }
