package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var apps = flag.Int("apps", 200, "mini programs in each run")

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wxrollout-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	cmd := exec.Command("go", "build", "-o", dir, "github.com/wxrollout/wxrollout/cmd/...")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// process is a program that runs beside the test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	log  bytes.Buffer
	line chan string
}

// start runs a program of ours. Its output is shown if the test fails.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(bin, name), args...), done: make(chan struct{}), line: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), env...)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		_ = w.Close()
	}()
	go p.read(r)
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			text := p.log.String()
			t.Logf("%s (last of %d bytes):\n%s", name, len(text), text[max(0, len(text)-4000):])
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.done)
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		p.log.Write(append(s.Bytes(), '\n'))
		p.mu.Unlock()
		select {
		case p.line <- s.Text():
		default: // nobody waits for a line any more
		}
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// await returns the first match of a pattern in the program's output.
func (p *process) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		select {
		case l := <-p.line:
			if m := re.FindStringSubmatch(l); m != nil {
				return m
			}
		case <-p.done:
			t.Fatalf("%s ended before %q", p.cmd.Path, pattern)
		case <-ctx.Done():
			t.Fatalf("%s never said %q", p.cmd.Path, pattern)
		}
	}
}

// result is a program that ran to its end.
type result struct {
	code   int
	stdout string
	stderr string
}

// call runs a program of ours to its end.
func call(t *testing.T, env []string, dir, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: errs.String()}
	t.Logf("%s %s: exit %d\n%s%s", name, strings.Join(args, " "), r.code, tail(r.stdout), tail(r.stderr))
	if err != nil && r.code < 0 {
		t.Fatal(err)
	}
	return r
}

func tail(s string) string { return s[max(0, len(s)-1500):] }

// fetch reads a URL; into may be nil, *string, or something JSON fills.
func fetch(t *testing.T, method, url, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch v := into.(type) {
	case nil:
	case *string:
		*v = string(b)
	default:
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatalf("%s: %v in %.200q", url, err, b)
		}
	}
	return resp.StatusCode
}
