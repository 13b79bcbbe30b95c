package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// TestMain lets the scripts run this very program as enqueue.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	testscript.Main(m, map[string]func(){
		"enqueue": func() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// noon is when fake deps live.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// fake are deps without a terminal and without an operator.
type fake struct {
	*deps
	out, err bytes.Buffer
}

func newFake(in string) *fake {
	f := &fake{}
	f.deps = &deps{
		streams: streams{in: strings.NewReader(in), out: &f.out, err: &f.err, size: func() (int, int) { return 80, 30 }},
		now:     func() time.Time { return noon },
		open: func(context.Context) (*operator.Operator, func() error, error) {
			return nil, nil, fmt.Errorf("no operator in this test")
		},
	}
	return f
}

// execute runs a command line on fake deps.
func (f *fake) execute(args ...string) exitCode {
	var cfg app.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	app.BindFlags(settings, &cfg, app.RoleOperator)
	return execute(context.Background(), f.deps, settings, args)
}
