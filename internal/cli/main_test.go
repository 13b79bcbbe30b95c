package cli

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/config"
)

// TestMain lets the scripts run this very program as enqueue.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	testscript.Main(m, map[string]func(){
		"enqueue": func() { os.Exit(Run("dev", os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// fake is an environment that runs command lines.
type fake struct{ *clitest.Fake }

func newFake(in string) fake { return fake{clitest.New(in)} }

// execute runs a command line.
func (f fake) execute(args ...string) exit.Code {
	var cfg config.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	config.Bind(settings, &cfg, config.RoleOperator)
	return execute(context.Background(), f.Env, settings, "dev", args)
}
