// Command wxsim serves the WeChat simulator of package wxsim, for compose files, demos and manual trials.
//
// Its API is that of https://api.weixin.qq.com; its levers are under /_sim/ (GET /_sim/ lists them). Each flag may be
// given by environment instead: --audit-delay is WXSIM_AUDIT_DELAY. It prints one line with its address and the settings
// a worker needs, and stops on SIGINT or SIGTERM.
//
//	wxsim --addr 127.0.0.1:8070 --apps 200 --reject 0.1 --audit-delay 1s-3s
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wxrollout/wxrollout/wxsim"
)

// version is set when a release is built.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// drain bounds the calls in flight after a signal.
const drain = 5 * time.Second

// run is main without the process: it returns the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return runContext(ctx, args, environ, stdout, stderr)
}

// runContext serves until ctx ends.
func runContext(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var text strings.Builder
	cfg, help, err := parse(args, environ, &text)
	switch {
	case err != nil:
		printLine(stderr, fmt.Sprintf("wxsim: %v\nRun wxsim --help for the flags.", err))
		return exitUsage
	case help:
		return answer(stdout, stderr, text.String())
	case cfg.version:
		return answer(stdout, stderr, version+"\n")
	}
	if err := serve(ctx, cfg, stdout); err != nil {
		printLine(stderr, fmt.Sprintf("wxsim: %v", err))
		return exitError
	}
	return exitOK
}

// serve serves the simulator on cfg.addr until ctx ends.
func serve(ctx context.Context, cfg config, stdout io.Writer) error {
	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", cfg.addr, err)
	}
	if cfg.writeConfig != "" {
		if err := writeSettings(cfg.writeConfig, listener.Addr().String(), cfg.redisURL, credentialsOf(cfg.sim)); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	sim := wxsim.New(cfg.sim)
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	printLine(stdout, hint(listener.Addr().String(), cfg.sim))

	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = http.ErrServerClosed
	}
	sim.Close() // ends calls that hang, so that Shutdown need not wait for them
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if stop := srv.Shutdown(bounded); stop != nil {
		err = errors.Join(err, fmt.Errorf("shut down: %w", stop), srv.Close())
	}
	return err
}

// answer prints what the user asked for and returns the exit code.
func answer(stdout, stderr io.Writer, text string) int {
	if _, err := io.WriteString(stdout, text); err != nil {
		printLine(stderr, fmt.Sprintf("wxsim: write the output: %v", err))
		return exitError
	}
	return exitOK
}

// printLine prints a line for the user and ignores write errors.
func printLine(w io.Writer, line string) { _, _ = fmt.Fprintln(w, line) }

// credentials are those of the simulated platform. They are invented: valid for this simulator only.
type credentials struct{ appID, secret, ticket, token, aesKey string }

func credentialsOf(o wxsim.Options) credentials {
	return credentials{
		appID: cmp.Or(o.ComponentAppID, wxsim.DefaultComponentAppID), secret: cmp.Or(o.Secret, wxsim.DefaultSecret), ticket: cmp.Or(o.Ticket, wxsim.DefaultTicket),
		token: cmp.Or(o.Callbacks.Token, wxsim.DefaultToken), aesKey: cmp.Or(o.Callbacks.AESKey, wxsim.DefaultAESKey),
	}
}

// hint is the line with the simulator's address and the settings of a worker.
func hint(addr string, o wxsim.Options) string {
	c := credentialsOf(o)
	return fmt.Sprintf("wxsim: http://%s (%d apps, levers at http://%s/_sim/); export WXROLLOUT_WECHAT_URL=http://%s "+
		"WXROLLOUT_COMPONENT_APPID=%s WXROLLOUT_COMPONENT_SECRET=%s WXROLLOUT_COMPONENT_TICKET=%s "+
		"WXROLLOUT_CALLBACK_TOKEN=%s WXROLLOUT_CALLBACK_AES_KEY=%s",
		addr, o.Apps, addr, addr, c.appID, c.secret, c.ticket, c.token, c.aesKey)
}
