package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/wxsim"
)

// config is the result of the flags and the environment.
type config struct {
	addr string
	sim  wxsim.Options
	// writeConfig is the folder for the settings of a worker, "" for none; redisURL is named in them.
	writeConfig, redisURL string
	version               bool
}

// parse reads flags, then the environment for those not given. help reports that usage was requested and printed.
func parse(args, environ []string, stdout io.Writer) (cfg config, help bool, err error) {
	ran := false
	cmd := &cobra.Command{
		Use: "wxsim", Short: "Serve a simulated WeChat Open Platform", Args: cobra.NoArgs,
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error { ran = true; return nil },
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	flags := cmd.Flags()
	flags.SortFlags = false
	define(flags, &cfg)
	flags.VisitAll(func(f *pflag.Flag) { f.Usage += " [" + variable(f.Name) + "]" })
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(io.Discard)
	if err := cmd.Execute(); err != nil {
		return config{}, false, err
	}
	if !ran {
		return config{}, true, nil
	}
	if err := errors.Join(environment(flags, environ), check(cfg)); err != nil {
		return config{}, false, err
	}
	none(flags, "quota", &cfg.sim.Quota.Rest)
	none(flags, "quota-limit", &cfg.sim.Quota.Limit)
	return cfg, false, nil
}

// none replaces an explicit zero by -1, which wxsim.QuotaOptions reads as no quota at all.
func none(flags *pflag.FlagSet, flag string, n *int) {
	if flags.Changed(flag) && *n == 0 {
		*n = -1
	}
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "WXSIM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment sets the flags that were not given from the environment. A name without a flag is an error: a misspelled
// setting would be ignored otherwise.
func environment(flags *pflag.FlagSet, environ []string) error {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variable("")) && value != "" && !kubernetes.MatchString(entry) {
			env[name] = value
		}
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value := env[variable(f.Name)]
		delete(env, variable(f.Name))
		if f.Changed || value == "" || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", variable(f.Name), err))
		}
	})
	for _, name := range slices.Sorted(maps.Keys(env)) {
		errs = append(errs, fmt.Errorf("%s: no such setting", name))
	}
	return errors.Join(errs...)
}

// kubernetes matches the variables that Kubernetes adds to every pod for a Service named wxsim.
var kubernetes = regexp.MustCompile(`^\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)=|^\w+_PORT=\w+://`)

// define declares the flags.
func define(flags *pflag.FlagSet, cfg *config) {
	o := &cfg.sim
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:8070", "address to listen on; port 0 picks a free one")
	flags.StringVar(&cfg.writeConfig, "write-config", "", "folder to write wxrollout.yaml to, with the settings of a worker and enqueue for this simulator")
	flags.StringVar(&cfg.redisURL, "redis-url", "redis://127.0.0.1:6379/0", "the Redis that write-config names")
	flags.IntVar(&o.Apps, "apps", 20, "generated mini programs")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of every random decision")
	flags.IntVar(&o.Quota.Rest, "quota", 0, "submissions left this month (default: the limit)")
	flags.IntVar(&o.Quota.Limit, "quota-limit", 0, fmt.Sprintf("submissions per month (default %d)", wxsim.DefaultQuota))
	flags.DurationVar(&o.Quota.Refill, "refill", 0, "restore the quota at this interval, as if months were that short")
	flags.Float64Var(&o.BusyRate, "busy", 0, "share of calls answered -1")
	flags.Float64Var(&o.LostRate, "lost", 0, "share of writes whose reply is dropped after they took effect")
	flags.Float64Var(&o.RejectRate, "reject", 0, "share of submissions that are rejected")
	flags.Float64Var(&o.DelayRate, "delay", 0, "share of audits that show status 4 for a while")
	rangeVar(flags, &o.Latency, "latency", "0s", "duration of a call in real time, such as 5ms-50ms")
	rangeVar(flags, &o.AuditDelay, "audit-delay", "1s-3s", "duration of an audit")
	rangeVar(flags, &o.PrivacyDelay, "privacy-delay", "1s", "duration of the privacy check of a commit")
	flags.BoolVar(&o.RotateRefreshTokens, "rotate-refresh-tokens", false, "hand out a new refresh token with every access token")
	flags.StringVar(&o.Callbacks.AuthURL, "push-auth-url", "", "URL of the callbacks of tickets and authorizations")
	flags.StringVar(&o.Callbacks.AppURL, "push-app-url", "", "URL of the callbacks of audits; $APPID$ becomes the appid")
	flags.DurationVar(&o.Callbacks.TicketEvery, "ticket-every", 10*time.Minute, "interval of ticket callbacks; 0 means none")
	flags.Float64Var(&o.Callbacks.Lost, "push-lost", 0, "share of callbacks that are never sent")
	flags.Float64Var(&o.Callbacks.Late, "push-late", 0, "share of callbacks that are sent late")
	flags.Float64Var(&o.Callbacks.Doubled, "push-doubled", 0, "share of callbacks that are sent twice")
	flags.Float64Var(&o.Callbacks.OutOfOrder, "push-out-of-order", 0, "share of callbacks that another one overtakes")
	rangeVar(flags, &o.Callbacks.LateBy, "push-late-by", "1s-3s", "delay of late callbacks")
	flags.BoolVar(&cfg.version, "version", false, "print the version and exit")
}

// check refuses invalid values, and reports all of them.
func check(cfg config) error {
	var errs []error
	if cfg.sim.Apps < 0 {
		errs = append(errs, fmt.Errorf("--apps %d: want 0 or more", cfg.sim.Apps))
	}
	o := cfg.sim
	for _, s := range []struct {
		flag  string
		share float64
	}{
		{"busy", o.BusyRate}, {"lost", o.LostRate}, {"reject", o.RejectRate}, {"delay", o.DelayRate},
		{"push-lost", o.Callbacks.Lost}, {"push-late", o.Callbacks.Late}, {"push-doubled", o.Callbacks.Doubled},
		{"push-out-of-order", o.Callbacks.OutOfOrder},
	} {
		if !(s.share >= 0 && s.share <= 1) {
			errs = append(errs, fmt.Errorf("--%s %v: want a share from 0 to 1", s.flag, s.share))
		}
	}
	return errors.Join(errs...)
}

// rangeVar declares a flag of type wxsim.Range.
func rangeVar(flags *pflag.FlagSet, to *wxsim.Range, name, value, usage string) {
	v := rangeValue{to}
	if err := v.Set(value); err != nil {
		panic("wxsim: default of --" + name + ": " + err.Error())
	}
	flags.Var(v, name, usage)
}

// rangeValue is a wxsim.Range as a flag.
type rangeValue struct{ to *wxsim.Range }

// Set implements pflag.Value.
func (v rangeValue) Set(text string) error { return v.to.UnmarshalText([]byte(text)) }

// String implements pflag.Value.
func (v rangeValue) String() string {
	if v.to == nil {
		return ""
	}
	return v.to.String()
}

// Type implements pflag.Value.
func (v rangeValue) Type() string { return "range" }
