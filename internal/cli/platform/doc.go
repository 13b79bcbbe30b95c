// Package platform has the commands for what all rollouts share: the quota, the
// template library, the baseline, checks, and the seal key.
package platform

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
)

// Commands returns the commands of this package.
func Commands(env *command.Env) []*cobra.Command {
	return []*cobra.Command{newQuota(env, runQuota), newTemplates(env), newBaseline(env), newCheck(env, runCheck), newSeal(env, runSealRotate), newConfig(env)}
}
