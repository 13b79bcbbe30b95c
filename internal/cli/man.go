package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

func newMan(env *command.Env, version string) *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:   "man --dir DIR",
		Short: "Write the man pages",
		Long: `Write a man page of every command to a directory, such as one of man1 in MANPATH.
The date of the pages is SOURCE_DATE_EPOCH, or today.`,
		Example: `  enqueue man --dir /usr/local/share/man/man1`,
		Args:    command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return exit.Usagef("--dir DIR is missing")
			}
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // man pages are for all users
				return fmt.Errorf("write the man pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := doc.GenManHeader{Title: "ENQUEUE", Section: "1", Source: "wxrollout " + fullVersion(version), Manual: "wxrollout"}
			if err := doc.GenManTree(root, &header, dir); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			env.Talk("the man pages are in %s\n", dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the pages")
	return cmd
}
