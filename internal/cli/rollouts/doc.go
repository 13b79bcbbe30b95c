// Package rollouts has the commands that show, follow, control, undo and archive rollouts.
package rollouts

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
)

// Readers returns the commands that only read; more are further subcommands of get.
func Readers(env *command.Env, more ...*cobra.Command) []*cobra.Command {
	return []*cobra.Command{newGet(env, more...), newWatch(env, runWatch), newWhy(env, runWhy), newReport(env, runReport), newEvents(env, runEvents)}
}

// Verbs returns the commands that change a rollout.
func Verbs(env *command.Env) []*cobra.Command {
	return []*cobra.Command{
		newPause(env, runControl), newResume(env, runControl), newPromote(env, runControl), newApprove(env, runControl), newAbort(env, runControl),
		newRetry(env, runRetry), newUndo(env, runUndo), newArchive(env, runArchive),
	}
}
