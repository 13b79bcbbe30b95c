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
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/wxclient"
)

// registerOptions are the command line of apps create-trial, create and convert.
type registerOptions struct {
	why    string
	dryRun bool
	format term.Format

	app      string // convert
	name     string
	openid   string // create-trial
	owner    ownerOptions
	cardFile string // convert: where the identity card's number is
}

// ownerOptions are the flags that name an enterprise.
type ownerOptions struct {
	code, codeType                string
	legalName, legalWeChat, phone string
}

// codeTypes are the kinds of an enterprise's code, as flags name them.
var codeTypes = map[string]wxclient.CodeType{
	"credit": wxclient.CodeCredit, "organization": wxclient.CodeOrganization, "license": wxclient.CodeLicense,
}

// enterprise is what the flags name.
func (o registerOptions) enterprise() wxclient.Enterprise {
	return wxclient.Enterprise{
		Name: o.name, Code: o.owner.code, CodeType: codeTypes[o.owner.codeType],
		LegalName: o.owner.legalName, LegalWeChat: o.owner.legalWeChat, Phone: o.owner.phone,
	}
}

// bindRegister adds the flags that all three have.
func bindRegister(cmd *cobra.Command, o *registerOptions) {
	f := cmd.Flags()
	f.StringVar(&o.why, "reason", "", "why, for the registration's record")
	f.BoolVar(&o.dryRun, "dry-run", false, "check what was given, and ask WeChat nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
}

// bindOwner adds the flags that name an enterprise.
func bindOwner(cmd *cobra.Command, o *ownerOptions) {
	f := cmd.Flags()
	f.StringVar(&o.code, "code", "", "the enterprise's code")
	f.StringVar(&o.codeType, "code-type", "credit", "what code it is: credit (18 characters), organization (10) or license (15)")
	f.StringVar(&o.legalName, "legal-name", "", "the legal person's name")
	f.StringVar(&o.legalWeChat, "legal-wechat", "", "the legal person's WeChat id")
	f.StringVar(&o.phone, "phone", "", "the platform's telephone, for questions")
	command.Complete(cmd, "code-type", "credit", "organization", "license")
}

func newAppsCreateTrial(env *command.Env, run func(context.Context, *command.Env, registerOptions) error) *cobra.Command {
	var o registerOptions
	cmd := &cobra.Command{
		Use:   "create-trial NAME --openid OPENID",
		Short: "Ask for a trial mini program",
		Long: `Ask WeChat for a trial mini program for one of your users. WeChat adds a suffix to
the name, 4 to 30 characters. The user agrees by the link within 24 hours, in WeChat
or through the service provider's plugin (docs/onboarding.md). The link is shown
once and kept nowhere: who has it can agree.

The worker hears by push when the app is there, and it joins the registry; enqueue
apps registrations shows how far it is. A trial app fails audits until it is
converted (enqueue apps convert) and renamed.`,
		Example: `  enqueue apps create-trial "Flower shop" --openid oAbCdEfGhIjKlMnOpQrStUvWxYz0
  enqueue apps create-trial "Flower shop" --openid oAbCdEfGhIjKlMnOpQrStUvWxYz0 -o json`,
		Args: command.Args(command.One("NAME")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.openid, "openid", "", "the user, by the openid that your platform knows")
	bindRegister(cmd, &o)
	return cmd
}

func newAppsCreate(env *command.Env, run func(context.Context, *command.Env, registerOptions) error) *cobra.Command {
	var o registerOptions
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Ask for an enterprise's mini program",
		Long: `Ask WeChat for a mini program of an enterprise, NAME as the register of companies
has it. WeChat asks its legal person, who agrees and shows their face within 24
hours. The worker hears by push how it ended, trades the authorization that comes
with it for tokens, and the app joins the registry; enqueue apps registrations shows
how far it is, and what to do when it was refused. One at a time waits for each
enterprise.`,
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
	bindRegister(cmd, &o)
	return cmd
}

func newAppsConvert(env *command.Env, run func(context.Context, *command.Env, registerOptions) error) *cobra.Command {
	var o registerOptions
	cmd := &cobra.Command{
		Use:   "convert APPID",
		Short: "Ask to make a trial mini program its enterprise's own",
		Long: `Ask WeChat to make a trial mini program the enterprise's own. The legal person shows
their face, then the app's administrator agrees. The worker hears by push how it
ended; enqueue apps registrations shows it. Rename the app afterwards: audits refuse
the trial's suffix (86020).

The number of the legal person's identity card is read from a file, or from the
standard input with -, so that no list of processes and no shell remembers it.`,
		Example: `  enqueue apps convert wx1234567890abcdef --name "某某公司" --code 91440300MA5FXXXX0X --legal-name 张三 --legal-wechat zhangsan --legal-id-file card.txt`,
		Args:    command.Args(command.One("APPID")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = given[0]
			if err := o.owner.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "the enterprise's name, as the register of companies has it")
	f.StringVar(&o.cardFile, "legal-id-file", "", "a file with the number of the legal person's identity card; - is the standard input")
	bindOwner(cmd, &o.owner)
	bindRegister(cmd, &o)
	return cmd
}

func (o ownerOptions) check() error {
	if codeTypes[o.codeType] == 0 {
		return exit.Usagef("--code-type %q: want credit, organization or license", o.codeType)
	}
	return nil
}

func runAppsCreateTrial(ctx context.Context, env *command.Env, o registerOptions) error {
	if err := wxclient.CheckTrial(o.name, o.openid); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(op *operator.Operator) (operator.Registered, error) {
		return op.RegisterTrial(ctx, o.name, o.openid, o.why)
	})
}

func runAppsCreate(ctx context.Context, env *command.Env, o registerOptions) error {
	e := o.enterprise()
	if err := e.Check(false); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(op *operator.Operator) (operator.Registered, error) {
		return op.RegisterEnterprise(ctx, e, o.why)
	})
}

func runAppsConvert(ctx context.Context, env *command.Env, o registerOptions) error {
	e := o.enterprise()
	var err error
	if e.LegalIDCard, err = readCard(env, o.cardFile); err != nil {
		return err
	}
	if err := e.Check(true); err != nil {
		return exit.UsageOf(err)
	}
	return requestApp(ctx, env, o, func(op *operator.Operator) (operator.Registered, error) {
		return op.ConvertTrial(ctx, o.app, e, o.why)
	})
}

// readCard reads the number of an identity card.
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
			return "", fmt.Errorf("read the identity card's number: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read the identity card's number: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// requestApp asks, unless it is a dry run, and tells what happens next.
func requestApp(ctx context.Context, env *command.Env, o registerOptions, ask func(*operator.Operator) (operator.Registered, error)) error {
	if o.dryRun {
		env.Talk("this is a dry run: what was given is well-formed, and WeChat was not asked\n")
		return nil
	}
	return env.With(ctx, func(op *operator.Operator) error {
		r, err := ask(op)
		if err != nil {
			return err
		}
		if o.format == term.JSON {
			return term.WriteJSON(env.Out, r)
		}
		text := fmt.Sprintf("%s %s was asked for; until %s %s", r.Kind, r.ID, human.Local(r.Until), r.Next)
		if r.Link != "" {
			text += "\nlink  " + r.Link
		}
		env.Talk("how far it is: enqueue apps registrations\n")
		return env.Print("%s\n", text)
	})
}

// registrationsOptions are the command line of apps registrations.
type registrationsOptions struct {
	waiting bool
	format  term.Format
}

func newAppsRegistrations(env *command.Env, run func(context.Context, *command.Env, registrationsOptions) error) *cobra.Command {
	var o registrationsOptions
	cmd := &cobra.Command{
		Use:   "registrations",
		Short: "List the apps that were asked for, and how far each is",
		Long: `List the mini programs that were asked for, the newest first: waiting for somebody
to agree, created, refused with WeChat's reason, or overdue when nothing was heard
for a day. NEXT says what to do. WeChat tells by push, so a worker has to run; what
another tool asked for shows up when it ends.`,
		Example: `  enqueue apps registrations
  enqueue apps registrations --waiting -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	cmd.Flags().BoolVar(&o.waiting, "waiting", false, "only those that have not ended")
	command.BindFormat(cmd, &o.format, term.Table, term.Wide, term.JSON, term.CSV)
	return cmd
}

func runAppsRegistrations(ctx context.Context, env *command.Env, o registrationsOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		found, err := op.Registrations(ctx, o.waiting)
		if err != nil {
			return err
		}
		return term.List(env.Out, o.format, registrationColumns, found)
	})
}

var registrationColumns = []term.Column[operator.Registration]{
	{Name: "kind", Text: func(r operator.Registration) string { return string(r.Kind) }},
	{Name: "id", Text: func(r operator.Registration) string { return r.ID }},
	{Name: "name", Text: func(r operator.Registration) string { return human.Shorten(r.Name, 24) }},
	{Name: "state", Text: func(r operator.Registration) string { return string(r.State) }},
	{Name: "appid", Text: func(r operator.Registration) string { return r.AppID }},
	{Name: "why", Text: reasonOfRegistration},
	{Name: "next", Text: func(r operator.Registration) string { return r.Next }},
	{Name: "asked", Wide: true, Text: func(r operator.Registration) string { return human.Stamp(r.Asked) }},
	{Name: "until", Wide: true, Text: func(r operator.Registration) string { return human.Stamp(r.Until) }},
	{Name: "ended", Wide: true, Text: func(r operator.Registration) string { return human.Stamp(r.Ended) }},
	{Name: "by", Wide: true, Text: func(r operator.Registration) string { return r.By }},
	{Name: "reason", Wide: true, Text: func(r operator.Registration) string { return r.Why }},
}

// reasonOfRegistration is why WeChat refused.
func reasonOfRegistration(r operator.Registration) string {
	switch {
	case r.Refused != 0:
		return human.Shorten(fmt.Sprintf("errcode %d: %s", r.Refused, r.Text), command.CellWidth)
	case r.Status != 0:
		return human.Shorten(fmt.Sprintf("status %d: %s", r.Status, r.Text), command.CellWidth)
	default:
		return ""
	}
}
