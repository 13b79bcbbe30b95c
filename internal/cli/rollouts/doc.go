// Package rollouts has the commands that show, follow, control, undo and archive rollouts.
package rollouts

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
)

// Readers are the commands that only read; more are further things that get lists.
func Readers(env *command.Env, more ...*cobra.Command) []*cobra.Command {
	return []*cobra.Command{newGet(env, more...), newWatch(env, runWatch), newWhy(env, runWhy), newReport(env, runReport)}
}

// Verbs are the commands that change a rollout.
func Verbs(env *command.Env) []*cobra.Command {
	return []*cobra.Command{
		newPause(env, runControl), newResume(env, runControl), newPromote(env, runControl), newApprove(env, runControl), newAbort(env, runControl),
		newRetry(env, runRetry), newUndo(env, runUndo), newArchive(env, runArchive),
	}
}
