package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	only   string
	rounds int
	scale  float64
	json   string
	cpu    string
	soak   time.Duration
	out    string
}

func main() { os.Exit(start(os.Args[1:], os.Stdout, os.Stderr)) }

// start is main without the process.
func start(args []string, stdout, stderr io.Writer) (code int) {
	var err error
	if addr := os.Getenv(workerEnv); addr != "" {
		err = beWorker(addr)
	} else {
		var o options
		fs := flag.NewFlagSet("bench", flag.ExitOnError)
		fs.StringVar(&o.only, "only", "", "comma-separated rows: "+strings.Join(rowNames(), ", "))
		fs.IntVar(&o.rounds, "rounds", 3, "rounds of each pair")
		fs.Float64Var(&o.scale, "scale", 1, "multiplies the number of targets")
		fs.StringVar(&o.json, "json", "", "file for the table as JSON")
		fs.DurationVar(&o.soak, "soak", 0, "duration of a soak, in place of the table")
		fs.StringVar(&o.out, "out", "", "file for the table as text, besides stdout")
		fs.StringVar(&o.cpu, "cpuprofile", "", "file for a CPU profile of this process")
		_ = fs.Parse(args) // it exits
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if o.soak > 0 {
			err = runSoak(ctx, o, stdout)
		} else {
			err = run(ctx, o, stdout)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// row is a group of lines that are measured together.
type row struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

var rows = []row{
	{"engine", engineRow},
	{"http", httpRow},
	{"fanout", fanoutRow},
	{"scarcity", scarcityRow},
	{"growth", growthRow},
	{"idle", idleRow},
	{"verbs", verbsRow},
	{"workers", workersRow},
}

func rowNames() []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

// bench is one run of the command.
type bench struct {
	options
	redis *server
	lines []line
}

func run(ctx context.Context, o options, stdout io.Writer) error {
	chosen := rowNames()
	if o.only != "" {
		chosen = strings.Split(o.only, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(rowNames(), name) {
			return fmt.Errorf("no row %q: want some of %s", name, strings.Join(rowNames(), ", "))
		}
	}
	s, err := startRedis(ctx)
	if err != nil {
		return err
	}
	if o.cpu != "" {
		f, err := os.Create(o.cpu)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	b := &bench{options: o, redis: s}
	start := time.Now()
	for _, r := range rows {
		if !slices.Contains(chosen, r.name) {
			continue
		}
		began := time.Now()
		if e := r.run(ctx, b); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", r.name, e))
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %s\n", r.name, time.Since(began).Round(time.Second))
		if ctx.Err() != nil {
			break
		}
	}
	err = errors.Join(err, s.stop())
	stdout, done, e := tee(stdout, o.out)
	err = errors.Join(err, e)
	defer done()
	b.print(stdout)
	fmt.Fprintf(stdout, "\n%s, %d CPUs, %s, in all %s\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), time.Since(start).Round(time.Second))
	if o.json != "" {
		text, e := json.MarshalIndent(b.lines, "", "  ")
		err = errors.Join(err, e, os.WriteFile(o.json, append(text, '\n'), 0o600))
	}
	return err
}

// tee writes to a file, too, if it has a name.
func tee(w io.Writer, file string) (both io.Writer, done func(), err error) {
	if file == "" {
		return w, func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return w, func() {}, err
	}
	f, err := os.Create(file)
	if err != nil {
		return w, func() {}, err
	}
	return io.MultiWriter(w, f), func() { _ = f.Close() }, nil // stdout has it, too
}

// n scales a number of targets.
func (b *bench) n(targets int) int { return max(1, int(float64(targets)*b.scale)) }
