// Command worker carries out rollouts: it commits, submits, follows and releases
// mini programs. Start as many as you like on one Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/doctor"
)

// version is set when a release is built.
var version = "dev"

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

const usage = `worker carries out rollouts: it commits, submits, follows and releases mini
programs. Start as many as you like on one Redis; one of them leads.

Usage:
  worker [flags]

Examples:
  # the settings of ./worker.env
  set -a; . ./worker.env; worker
  # can a worker start? Redis, the sealing key, WeChat, the token service
  worker --check

SIGTERM, SIGHUP or Ctrl-C stops it: running calls end first, other workers go on
with the rest. A second signal stops it at once, which is safe too. Settings and
secrets are read at the start only: restart a worker to change them. Under nohup
SIGHUP is ignored.

Every flag but --check and --version is also an environment variable
(--redis-url is WXROLLOUT_REDIS_URL) and a line of a settings file
(docs/configuration.md). Flags win over the environment, which wins over the file.
Secrets are only read from the environment, or from the file that the same name
with _FILE names:
%s
Flags:
%s`

func run(args, environ []string, stdout, stderr io.Writer) int {
	var cfg config.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	config.Bind(settings, &cfg, config.RoleWorker)
	fs := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.AddFlagSet(settings) // check and version are for people, not settings
	check := fs.Bool("check", false, "check settings, Redis, the sealing key, WeChat and the token service, and exit")
	showVersion := fs.Bool("version", false, "print the version and exit")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return answer(stdout, stderr, fmt.Sprintf(usage, config.SecretUsage(), fs.FlagUsages()))
	case err != nil:
		fmt.Fprintf(stderr, "worker: %v\nsee worker --help\n", err)
		return exitUsage
	case *showVersion:
		return answer(stdout, stderr, fullVersion()+"\n")
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "worker: unexpected argument %q\nsee worker --help\n", fs.Arg(0))
		return exitUsage
	}
	if err := config.Load(settings, &cfg, config.RoleWorker, environ, config.OpenFile); err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return exitUsage
	}
	return serve(&cfg, *check, stdout, stderr)
}

// serve runs a worker until a signal; the second one ends the process at once.
func serve(cfg *config.Config, check bool, stdout, stderr io.Writer) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := app.NewLog(cfg, stderr)
	app.LogRedis(log)
	for _, warning := range cfg.Warnings {
		log.Warn().Str("setting", warning).Msg("a setting works but should not stay")
	}
	if err := app.CheckMemory(config.OpenFile); err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return exitError
	}
	a, err := app.New(ctx, cfg, app.Options{Log: log, Version: fullVersion()})
	if err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		if errors.As(err, new(*config.Error)) {
			return exitUsage
		}
		return exitError
	}
	if check {
		code, text := report(a.Check(ctx))
		return max(code, answer(stdout, stderr, text), stopped(a.Stop(ctx), stderr))
	}
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, stop) }()
	for first := true; ; first = false {
		select {
		case err := <-done:
			return stopped(err, stderr)
		case s := <-signals:
			if !first {
				fmt.Fprintf(stderr, "worker: second signal (%v): stopped without draining; leases bring the assignments back\n", s)
				return exitError
			}
			fmt.Fprintf(stderr, "worker: %v: draining for at most %s; signal again to stop at once\n", s, cfg.Drain)
			close(stop)
		}
	}
}

// answer prints what the operator asked for and returns the exit code.
func answer(stdout, stderr io.Writer, text string) int {
	if _, err := io.WriteString(stdout, text); err != nil {
		fmt.Fprintln(stderr, "worker: write the output:", err)
		return exitError
	}
	return exitOK
}

// report lists the results of checks and returns the exit code.
func report(results []doctor.Result) (code int, text string) {
	var b strings.Builder
	failed := 0
	for _, r := range results {
		detail := r.Detail
		if r.Hint != "" {
			detail += ": " + r.Hint
		}
		fmt.Fprintf(&b, "%-4s  %s: %s\n", r.Level, r.Name, detail)
		if r.Level == doctor.LevelFail {
			failed++
		}
	}
	if failed > 0 {
		fmt.Fprintf(&b, "%d of %d checks failed\n", failed, len(results))
		return exitError, b.String()
	}
	b.WriteString("a worker can start\n")
	return exitOK, b.String()
}

func stopped(err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return exitError
	}
	return exitOK
}

// fullVersion is the release, or the commit it was built from.
func fullVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return "dev-" + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return version
}
