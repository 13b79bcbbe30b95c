package platform

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/config"
)

// configOptions is the command line of the verbs of config.
type configOptions struct {
	name   string
	format term.Format
}

func newConfig(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings, and choose a context",
		Long: `Show the settings in effect and where each comes from, and choose among the
contexts of the settings file (docs/configuration.md). Redis and WeChat are not
called.`,
		Example: `  enqueue config view
  enqueue config use-context staging`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: command.Group,
	}
	cmd.AddCommand(newConfigView(env, runConfigView), newGetContexts(env, runGetContexts), newCurrentContext(env), newUseContext(env, runUseContext))
	return cmd
}

func newConfigView(env *command.Env, run func(context.Context, *command.Env, configOptions) error) *cobra.Command {
	var o configOptions
	cmd := &cobra.Command{
		Use:   "view",
		Short: "Show the settings in effect and their origins",
		Long: `Show the settings in effect, with secrets redacted, and where each comes from: a
flag, the environment (the variable has the name of the setting), a line of the
settings file, or the default. If settings are wrong, the faults follow the list.`,
		Example: `  enqueue config view
  enqueue config view --context staging -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runConfigView(_ context.Context, env *command.Env, o configOptions) error {
	list, wrong := env.Settings()
	err := term.List(env.Streams, o.format, "settings", []term.Column[config.Setting]{
		{Name: "name", Text: func(s config.Setting) string { return s.Name }},
		{Name: "value", Text: func(s config.Setting) string { return s.Value }},
		{Name: "origin", Text: func(s config.Setting) string { return s.Origin }},
	}, list)
	if err != nil {
		return err
	}
	return wrong
}

func newGetContexts(env *command.Env, run func(context.Context, *command.Env, configOptions) error) *cobra.Command {
	var o configOptions
	cmd := &cobra.Command{
		Use:     "get-contexts",
		Short:   "List the contexts of the settings file",
		Long:    "List the contexts of the settings file. The current one has a star.",
		Example: "  enqueue config get-contexts",
		Args:    command.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

// contextRow is a context in JSON.
type contextRow struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	File    string `json:"file"`
}

func runGetContexts(_ context.Context, env *command.Env, o configOptions) error {
	c, err := env.Contexts()
	if err != nil {
		return exit.UsageOf(err)
	}
	rows := make([]contextRow, len(c.Names))
	for i, name := range c.Names {
		rows[i] = contextRow{Name: name, Current: name == c.Current, File: c.Path}
	}
	return term.List(env.Streams, o.format, "contexts: there is no settings file", []term.Column[contextRow]{
		{Name: "current", Text: func(r contextRow) string {
			if r.Current {
				return "*"
			}
			return ""
		}},
		{Name: "name", Key: true, Text: func(r contextRow) string { return r.Name }},
		{Name: "file", Text: func(r contextRow) string { return r.File }},
	}, rows)
}

func newCurrentContext(env *command.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "current-context",
		Short:   "Print the context in effect",
		Long:    "Print the context in effect: that of --context, WXROLLOUT_CONTEXT or the settings\nfile.",
		Example: "  enqueue config current-context",
		Args:    command.Args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, err := env.Contexts()
			switch {
			case err != nil:
				return exit.UsageOf(err)
			case c.Current == "":
				return exit.Usagef("no context is in effect: set --context, WXROLLOUT_CONTEXT or current in the settings file")
			case !slices.Contains(c.Names, c.Current):
				return exit.UsageOf(noContext(c, c.Current))
			}
			return env.Print("%s\n", c.Current)
		},
	}
}

func noContext(c config.Contexts, name string) error {
	return exit.Usagef("no context %q in %s: it has %s", name, c.Path, command.Joined(c.Names))
}

func newUseContext(env *command.Env, run func(context.Context, *command.Env, configOptions) error) *cobra.Command {
	var o configOptions
	return &cobra.Command{
		Use:   "use-context NAME",
		Short: "Make a context the current one of the settings file",
		Long: `Make a context the current one of the settings file. Only the line current
changes. --context and WXROLLOUT_CONTEXT still take precedence.`,
		Example:           "  enqueue config use-context staging",
		Args:              command.Args(command.One("NAME")),
		ValidArgsFunction: command.Once(command.CompleteContexts(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return run(cmd.Context(), env, o)
		},
	}
}

func runUseContext(_ context.Context, env *command.Env, o configOptions) error {
	c, err := env.Contexts()
	if err != nil {
		return exit.UsageOf(err)
	}
	if err := c.Use(o.name); err != nil {
		return err
	}
	return env.Print("the context of %s is now %s\n", c.Path, o.name)
}
