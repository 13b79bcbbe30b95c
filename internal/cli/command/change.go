package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// Change is the flags that every changing command has.
type Change struct {
	Why    string
	Yes    bool
	DryRun bool
}

// BindChange adds them.
func BindChange(cmd *cobra.Command, c *Change) {
	f := cmd.Flags()
	f.StringVar(&c.Why, "reason", "", "why, for the rollout's record")
	f.BoolVarP(&c.Yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", term.ConfirmAbove))
	f.BoolVar(&c.DryRun, "dry-run", false, "tell what would be done, and change nothing")
}
