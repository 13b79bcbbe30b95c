package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

// needsOptions are the command line of apps needs-merchant.
type needsOptions struct {
	redirect string
	format   format
}

func newAppsNeeds(d *deps, run func(context.Context, *deps, needsOptions) error) *cobra.Command {
	var o needsOptions
	cmd := &cobra.Command{
		Use:   "needs-merchant",
		Short: "List what merchants must do, with the links to send",
		Long: `List the apps that only their merchants can help on, and what each must do:
authorize again, grant permission set 18, add a category, and so on. Apps that a
rollout waits for come first. With --redirect-uri each authorization has its link,
for that one app, to be opened in WeChat (-o wide and csv show it). Such a link ends
after minutes: make the list when you send it.`,
		Example: `  enqueue apps needs-merchant
  enqueue apps needs-merchant --redirect-uri https://your.host/authorized -o csv > merchants.csv`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkRedirect(o.redirect, false); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().StringVar(&o.redirect, "redirect-uri", "", "where the merchant's browser goes afterwards: makes the links")
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

// checkRedirect refuses what WeChat can't send a browser to.
func checkRedirect(text string, needed bool) error {
	if text == "" && !needed {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return usagef("--redirect-uri %q: want a page of the platform's own, such as https://your.host/authorized", text)
	}
	return nil
}

func runAppsNeeds(ctx context.Context, d *deps, o needsOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := op.NeedsMerchant(ctx)
		broken, err := ledger.Broken(err)
		if err == nil && o.redirect != "" {
			bar := d.bar()
			err = op.AddLinks(ctx, found, o.redirect, func(done, total int) { bar.show("links made", done, total) })
			bar.end()
		}
		if err != nil {
			return err
		}
		return errors.Join(list(d, o.format, d.needsColumns(), found), ledger.JoinBroken(broken))
	})
}

func (d *deps) needsColumns() []column[operator.MerchantTask] {
	return []column[operator.MerchantTask]{
		{name: "appid", text: func(t operator.MerchantTask) string { return t.AppID }},
		{name: "label", text: func(t operator.MerchantTask) string { return shorten(t.Label, 24) }},
		{name: "name", text: func(t operator.MerchantTask) string { return shorten(t.Name, 24) }},
		{name: "principal", wide: true, text: func(t operator.MerchantTask) string { return t.Principal }},
		{name: "need", text: func(t operator.MerchantTask) string { return string(t.Need) }},
		{name: "rollout", text: func(t operator.MerchantTask) string { return t.Rollout }},
		{name: "what", text: func(t operator.MerchantTask) string { return t.Words }},
		{name: "errcode", wide: true, text: func(t operator.MerchantTask) string { return number(t.Code) }},
		{name: "last_error", wide: true, text: func(t operator.MerchantTask) string { return shorten(t.Text, textWidth) }},
		{name: "since", wide: true, text: func(t operator.MerchantTask) string { return stamp(t.Since) }},
		{name: "link", wide: true, text: func(t operator.MerchantTask) string { return t.Link }},
		{name: "link_until", wide: true, text: func(t operator.MerchantTask) string { return stamp(t.LinkUntil) }},
	}
}

// linkOptions are the command line of apps authorize-link.
type linkOptions struct {
	app      string
	redirect string
	format   format
}

func newAppsLink(d *deps, run func(context.Context, *deps, linkOptions) error) *cobra.Command {
	var o linkOptions
	cmd := &cobra.Command{
		Use:   "authorize-link [APPID]",
		Short: "Make the link by which a merchant authorizes the platform",
		Long: `Make the link by which a merchant authorizes the platform: one for a desktop browser
and one to open in WeChat. With an appid only that app can be authorized there. The
links end after minutes. WeChat wants the visitor to come from a page on the domain
that the platform registered for it: put the link on such a page.`,
		Example: `  enqueue apps authorize-link wx1234567890abcdef --redirect-uri https://your.host/authorized
  enqueue apps authorize-link --redirect-uri https://your.host/authorized -o json`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = first(given)
			if err := checkRedirect(o.redirect, true); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().StringVar(&o.redirect, "redirect-uri", "", "where the merchant's browser goes afterwards")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

func runAppsLink(ctx context.Context, d *deps, o linkOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		link, err := op.AuthorizeLink(ctx, o.app, o.redirect)
		if err != nil {
			return err
		}
		if o.format == formatJSON {
			return writeJSON(d.out, link)
		}
		return d.print("%s", fmt.Sprintf("in a browser  %s\nin WeChat     %s\nboth end in %s\n", link.PC, link.H5, span(link.Until.Sub(d.now()))))
	})
}
