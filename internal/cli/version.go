package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
)

// versionLine names the program, its version and the Go release that built it.
func versionLine(version string) string {
	return fmt.Sprintf("enqueue %s %s %s/%s\n", fullVersion(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion(env *command.Env, version string) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of enqueue and of the Go release that built it.",
		Example: "  enqueue version",
		Args:    command.Args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return env.Print("%s", versionLine(version))
		},
	}
}

// fullVersion is the release, or the commit of a build without one.
func fullVersion(version string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok || version != "dev" {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return fmt.Sprintf("dev-%.12s", s.Value)
		}
	}
	return version
}
