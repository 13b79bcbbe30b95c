package apps

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
)

// createOptions is the command line of apps create-trial, create and convert.
type createOptions struct {
	why    string
	dryRun bool
	format term.Format

	app      string // convert
	name     string
	openid   string // create-trial
	owner    ownerOptions
	cardFile string // convert: the file with the identity card number
}

// ownerOptions has the flags that describe an enterprise.
type ownerOptions struct {
	code, codeType                string
	legalName, legalWeChat, phone string
}

// enterprise returns the enterprise of the flags.
func (o createOptions) enterprise() fleet.Enterprise {
	return fleet.Enterprise{
		Name: o.name, Code: o.owner.code, CodeType: fleet.CodeTypes[o.owner.codeType],
		LegalName: o.owner.legalName, LegalWeChat: o.owner.legalWeChat, Phone: o.owner.phone,
	}
}

// bindCreate adds the flags of all three commands.
func bindCreate(cmd *cobra.Command, o *createOptions) {
	command.BindReason(cmd, &o.why)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only check the input, without calling WeChat")
	command.BindObject(cmd, &o.format)
}

// bindOwner adds the flags that describe an enterprise.
func bindOwner(cmd *cobra.Command, o *ownerOptions) {
	f := cmd.Flags()
	f.StringVar(&o.code, "code", "", "code of the enterprise")
	f.StringVar(&o.codeType, "code-type", "credit", "kind of the code: credit (18 characters), organization (10) or license (15)")
	f.StringVar(&o.legalName, "legal-name", "", "name of the legal representative")
	f.StringVar(&o.legalWeChat, "legal-wechat", "", "WeChat id of the legal representative")
	f.StringVar(&o.phone, "phone", "", "phone number of the platform, for questions")
	command.Complete(cmd, "code-type", "credit", "organization", "license")
}

func newAppsCreateTrial(env *command.Env, run func(context.Context, *command.Env, createOptions) error) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create-trial NAME --openid OPENID",
		Short: "Create a trial mini program",
		Long: `Create a trial mini program for one of your users. The name has 4 to 30
characters; WeChat adds a suffix. The user must confirm through the link within 24
hours, in WeChat or in the service provider's plugin (docs/onboarding.md). The
link is printed once and stored nowhere: whoever has it can confirm.

When WeChat has created the app, its callback adds it to the registry; enqueue
apps creations shows the progress. A trial app fails audits until it is
converted (enqueue apps convert) and renamed.`,
		Example: `  enqueue apps create-trial "Flower shop" --openid oAbCdEfGhIjKlMnOpQrStUvWxYz0
  enqueue apps create-trial "Flower shop" --openid oAbCdEfGhIjKlMnOpQrStUvWxYz0 -o json`,
		Args: command.Args(command.One("NAME")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.openid, "openid", "", "openid of the user at your platform")
	bindCreate(cmd, &o)
	return cmd
}

func newAppsCreate(env *command.Env, run func(context.Context, *command.Env, createOptions) error) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a mini program for an enterprise",
		Long: `Create a mini program for an enterprise. NAME is its name in the company register.
WeChat asks the legal representative, who must confirm with a face check within 24
hours. WeChat's callback then reports the result: the worker exchanges its
authorization code for tokens and adds the app to the registry. enqueue apps
creations shows the progress and, after a refusal, the next step. Only one
creation per enterprise can be pending.`,
		Example: `  enqueue apps create "某某公司" --code 91440300MA5FXXXX0X --legal-name 张三 --legal-wechat zhangsan
  enqueue apps create "某某公司" --code 123456789012345 --code-type license --legal-name 张三 --legal-wechat zhangsan --dry-run`,
		Args: command.Args(command.One("NAME")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			if err := o.owner.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	bindOwner(cmd, &o.owner)
	bindCreate(cmd, &o)
	return cmd
}

func newAppsConvert(env *command.Env, run func(context.Context, *command.Env, createOptions) error) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "convert APPID",
		Short: "Convert a trial mini program into one of an enterprise",
		Long: `Convert a trial mini program into one of an enterprise. The legal representative
confirms with a face check, then the app's administrator confirms. enqueue apps
creations shows the progress and the result. Rename the app afterwards: audits
reject the suffix of trial names (86020).

The identity card number of the legal representative is read from a file, or with
- from stdin, so that it appears in no process list and no shell history.`,
		Example:           `  enqueue apps convert wx1234567890abcdef --name "某某公司" --code 91440300MA5FXXXX0X --legal-name 张三 --legal-wechat zhangsan --legal-id-file card.txt`,
		Args:              command.Args(command.One("APPID")),
		ValidArgsFunction: command.Once(command.CompleteApps(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = given[0]
			if err := o.owner.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "name of the enterprise in the company register")
	f.StringVar(&o.cardFile, "legal-id-file", "", "file with the identity card number of the legal representative; - is stdin")
	bindOwner(cmd, &o.owner)
	bindCreate(cmd, &o)
	return cmd
}

func (o ownerOptions) check() error {
	if fleet.CodeTypes[o.codeType] == 0 {
		return exit.Usagef("--code-type %q: want credit, organization or license", o.codeType)
	}
	return nil
}

func runAppsCreateTrial(ctx context.Context, env *command.Env, o createOptions) error {
	if err := fleet.CheckTrial(o.name, o.openid); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(fl *fleet.Fleet) (fleet.Asked, error) {
		return fl.CreateTrial(ctx, o.name, o.openid, o.why)
	})
}

func runAppsCreate(ctx context.Context, env *command.Env, o createOptions) error {
	e := o.enterprise()
	if err := e.Check(false); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(fl *fleet.Fleet) (fleet.Asked, error) {
		return fl.CreateEnterprise(ctx, e, o.why)
	})
}

func runAppsConvert(ctx context.Context, env *command.Env, o createOptions) error {
	e := o.enterprise()
	var err error
	if e.LegalIDCard, err = readCard(env, o.cardFile); err != nil {
		return err
	}
	if err := e.Check(true); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(fl *fleet.Fleet) (fleet.Asked, error) {
		return fl.ConvertTrial(ctx, o.app, e, o.why)
	})
}

// readCard reads an identity card number.
func readCard(env *command.Env, path string) (string, error) {
	const most = 64 // bytes
	in := env.In
	switch path {
	case "":
		return "", exit.Usagef("--legal-id-file is missing")
	case "-":
	default:
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("read the identity card number: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read the identity card number: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// requestApp makes a request, unless in a dry run, and prints the next step.
func requestApp(ctx context.Context, env *command.Env, o createOptions, ask func(*fleet.Fleet) (fleet.Asked, error)) error {
	if o.dryRun {
		env.Talk("the input is well-formed; WeChat was not called\n")
		env.DryRun()
		return nil
	}
	return env.With(ctx, func(t command.Tools) error {
		r, err := ask(t.Fleet)
		if err != nil {
			return err
		}
		if o.format.Object() {
			return env.Object(o.format, r)
		}
		text := fmt.Sprintf("%s %s was requested; until %s %s", r.Kind, r.ID, human.Local(r.Until), r.Next)
		if r.Link != "" {
			text += "\nlink  " + r.Link
		}
		env.Talk("to see the progress: enqueue apps creations\n")
		return env.Print("%s\n", text)
	})
}

// creationsOptions is the command line of apps creations.
type creationsOptions struct {
	waiting bool
	format  term.Format
}

func newAppsCreations(env *command.Env, run func(context.Context, *command.Env, creationsOptions) error) *cobra.Command {
	var o creationsOptions
	cmd := &cobra.Command{
		Use:   "creations",
		Short: "List requested mini programs and their progress",
		Long: `List requested mini programs, newest first. A request is waiting for a
confirmation, created, refused with WeChat's reason, or overdue after a day
without a callback. NEXT is the next step. Results arrive by callback, so a worker
must run; requests of other tools appear when they end.`,
		Example: `  enqueue apps creations
  enqueue apps creations --waiting -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	cmd.Flags().BoolVar(&o.waiting, "waiting", false, "only pending requests")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runAppsCreations(ctx context.Context, env *command.Env, o creationsOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Fleet.Creations(ctx, o.waiting)
		if err != nil {
			return err
		}
		return term.List(env.Streams, o.format, "creations", creationColumns, found)
	})
}

var creationColumns = []term.Column[fleet.Creation]{
	{Name: "kind", Text: func(r fleet.Creation) string { return string(r.Kind) }},
	{Name: "id", Key: true, Text: func(r fleet.Creation) string { return r.ID }},
	{Name: "name", Text: func(r fleet.Creation) string { return human.Shorten(r.Name, 24) }},
	{Name: "state", State: true, Text: func(r fleet.Creation) string { return string(r.State) }},
	{Name: "appid", Text: func(r fleet.Creation) string { return r.AppID }},
	{Name: "why", Text: refusal},
	{Name: "next", Text: func(r fleet.Creation) string { return r.Next }},
	{Name: "asked", Wide: true, Text: func(r fleet.Creation) string { return human.Stamp(r.Asked) }},
	{Name: "until", Wide: true, Text: func(r fleet.Creation) string { return human.Stamp(r.Until) }},
	{Name: "ended", Wide: true, Text: func(r fleet.Creation) string { return human.Stamp(r.Ended) }},
	{Name: "by", Wide: true, Text: func(r fleet.Creation) string { return r.By }},
	{Name: "reason", Wide: true, Text: func(r fleet.Creation) string { return r.Why }},
}

// refusal is WeChat's reason for refusing a request.
func refusal(r fleet.Creation) string {
	switch {
	case r.Refused != 0:
		return human.Shorten(fmt.Sprintf("errcode %d: %s", r.Refused, r.Text), command.CellWidth)
	case r.Status != 0:
		return human.Shorten(fmt.Sprintf("status %d: %s", r.Status, r.Text), command.CellWidth)
	default:
		return ""
	}
}
