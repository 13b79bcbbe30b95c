package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// Change has the flags of commands that change something.
type Change struct {
	Why    string
	Yes    bool
	DryRun bool
}

// BindChange adds the flags of Change.
func BindChange(cmd *cobra.Command, c *Change) {
	BindReason(cmd, &c.Why)
	cmd.Flags().BoolVarP(&c.Yes, "yes", "y", false, fmt.Sprintf("skip the confirmation of changes to more than %d targets", term.ConfirmAbove))
	BindDryRun(cmd, &c.DryRun)
}

// BindReason adds --reason.
func BindReason(cmd *cobra.Command, why *string) {
	cmd.Flags().StringVar(why, "reason", "", "why, for the record")
}

// BindDryRun adds --dry-run.
func BindDryRun(cmd *cobra.Command, dryRun *bool) {
	cmd.Flags().BoolVar(dryRun, "dry-run", false, "show the effect without changing anything")
}
