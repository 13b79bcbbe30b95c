// Package plans has the commands that make rollouts and schedules of plans.
package plans

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
)

// Commands returns plan, apply, schedule and explain.
func Commands(env *command.Env) []*cobra.Command {
	return []*cobra.Command{newPlan(env, runPlan), newApply(env, runApply), newSchedule(env), newExplain(env, runExplain)}
}

// Schedules returns get schedules.
func Schedules(env *command.Env) *cobra.Command { return newGetSchedules(env, runGetSchedules) }
