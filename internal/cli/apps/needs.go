package apps

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// needsOptions is the command line of apps needs-merchant.
type needsOptions struct {
	redirect string
	format   term.Format
}

func newAppsNeeds(env *command.Env, run func(context.Context, *command.Env, needsOptions) error) *cobra.Command {
	var o needsOptions
	cmd := &cobra.Command{
		Use:   "needs-merchant",
		Short: "List what merchants must do, with links to send",
		Long: `List the apps whose merchants must act, and what each must do: authorize again,
grant permission set 18, add a category, and so on. Apps that block a rollout come
first. With --redirect-uri each authorization gets a link for its app, to be
opened in WeChat (shown by -o wide and csv). Links expire within minutes: create
the list when you send it.`,
		Example: `  enqueue apps needs-merchant
  enqueue apps needs-merchant --redirect-uri https://your.host/authorized -o csv > merchants.csv`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkRedirect(o.redirect, false); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.redirect, "redirect-uri", "", "page that the merchant's browser opens afterwards; enables links")
	command.BindList(env, cmd, &o.format)
	return cmd
}

// checkRedirect refuses a page that a browser can't open.
func checkRedirect(text string, needed bool) error {
	if text == "" && !needed {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return exit.Usagef("--redirect-uri %q: want a page of your platform, such as https://your.host/authorized", text)
	}
	return nil
}

func runAppsNeeds(ctx context.Context, env *command.Env, o needsOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Fleet.NeedsMerchant(ctx)
		if err != nil && !operator.Partial(err) {
			return err
		}
		if o.redirect != "" {
			bar := env.Bar()
			failed := t.Fleet.AddLinks(ctx, found, o.redirect, func(done, total int) { bar.Show("links made", done, total) })
			bar.End()
			if failed != nil {
				return failed
			}
		}
		return errors.Join(term.List(env.Streams, o.format, "merchants that must act", needsColumns(), found), err)
	})
}

func needsColumns() []term.Column[fleet.MerchantTask] {
	return []term.Column[fleet.MerchantTask]{
		{Name: "appid", Text: func(t fleet.MerchantTask) string { return t.AppID }},
		{Name: "label", Text: func(t fleet.MerchantTask) string { return human.Shorten(t.Label, 24) }},
		{Name: "name", Text: func(t fleet.MerchantTask) string { return human.Shorten(t.Name, 24) }},
		{Name: "principal", Wide: true, Text: func(t fleet.MerchantTask) string { return t.Principal }},
		{Name: "need", Text: func(t fleet.MerchantTask) string { return string(t.Need) }},
		{Name: "rollout", Text: func(t fleet.MerchantTask) string { return t.Rollout }},
		{Name: "what", Text: func(t fleet.MerchantTask) string { return t.Words }},
		{Name: "errcode", Wide: true, Text: func(t fleet.MerchantTask) string { return human.Number(t.Code) }},
		{Name: "last_error", Wide: true, Text: func(t fleet.MerchantTask) string { return human.Shorten(t.Text, command.CellWidth) }},
		{Name: "since", Wide: true, Text: func(t fleet.MerchantTask) string { return human.Stamp(t.Since) }},
		{Name: "link", Wide: true, Text: func(t fleet.MerchantTask) string { return t.Link }},
		{Name: "link_until", Wide: true, Text: func(t fleet.MerchantTask) string { return human.Stamp(t.LinkUntil) }},
	}
}

// linkOptions is the command line of apps authorize-link.
type linkOptions struct {
	app      string
	redirect string
	format   term.Format
}

func newAppsLink(env *command.Env, run func(context.Context, *command.Env, linkOptions) error) *cobra.Command {
	var o linkOptions
	cmd := &cobra.Command{
		Use:   "authorize-link [APPID]",
		Short: "Create a link for merchants to authorize the platform",
		Long: `Create the links by which a merchant authorizes the platform: one for a desktop
browser and one for WeChat. With an appid, only that app can be authorized. Links
expire within minutes. WeChat accepts visitors only from a page on the platform's
authorization domain: put the link on such a page.`,
		Example: `  enqueue apps authorize-link wx1234567890abcdef --redirect-uri https://your.host/authorized
  enqueue apps authorize-link --redirect-uri https://your.host/authorized -o json`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.Once(command.CompleteApps(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = command.First(given)
			if err := checkRedirect(o.redirect, true); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.redirect, "redirect-uri", "", "page that the merchant's browser opens afterwards")
	command.BindObject(cmd, &o.format)
	return cmd
}

func runAppsLink(ctx context.Context, env *command.Env, o linkOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		link, err := t.Fleet.AuthorizeLink(ctx, o.app, o.redirect)
		if err != nil {
			return err
		}
		return env.Show(o.format, link, "%s", fmt.Sprintf("in a browser  %s\nin WeChat     %s\nboth expire in %s\n", link.PC, link.H5, human.Duration(link.Until.Sub(env.Now()))))
	})
}
