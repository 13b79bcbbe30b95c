// Package proctest builds and runs the programs of this repository as processes
// of tests, for tests that kill them.
package proctest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Build builds programs of this module (package patterns below it, such as
// "cmd/worker") into dir. Flags come before the packages.
func Build(dir string, flags []string, packages ...string) error {
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, flags...)
	for _, p := range packages {
		args = append(args, "github.com/wxrollout/wxrollout/"+p)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Process is a program that runs beside the test. Its methods may be called from
// any goroutine.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex
	lines []string
	news  chan struct{} // closed and replaced with every line
}

// Run starts a program. env comes on top of the test's own environment. The
// kernel kills it with the test where it can; otherwise the caller has to.
func Run(path string, env []string, args ...string) (*Process, error) {
	p := &Process{
		name: filepath.Base(path), cmd: exec.Command(path, args...),
		done: make(chan struct{}), news: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = dieWithParent()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", path, err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	started := make(chan error)
	go p.run(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	return p, nil
}

// Start is Run for the length of a test. The end of its output is shown if the
// test fails.
func Start(t testing.TB, path string, env []string, args ...string) *Process {
	t.Helper()
	p, err := Run(path, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			text := p.Text()
			t.Logf("%s (last of %d bytes):\n%s", p.name, len(text), text[max(0, len(text)-4000):])
		}
	})
	return p
}

// run starts the process and reaps it. It stays on one thread, because the
// kernel ties "die with the parent" to the thread that forked.
func (p *Process) run(out io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, s.Text())
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // its exit code is read by those who want it
	close(p.done)
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal; one to a process that ended is lost.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Done is closed when the process is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the code it ended with, -1 if a signal ended it. Call it after Done.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Lines are its output so far.
func (p *Process) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)]
}

// Text is its output so far.
func (p *Process) Text() string { return strings.Join(p.Lines(), "\n") }

// Find waits for the first line of the output that matches a pattern and returns
// the match. It errs when the process or ctx ends first.
func (p *Process) Find(ctx context.Context, pattern string) ([]string, error) {
	re := regexp.MustCompile(pattern)
	for seen := 0; ; {
		p.mu.Lock()
		lines, news := p.lines, p.news
		p.mu.Unlock()
		for ; seen < len(lines); seen++ {
			if m := re.FindStringSubmatch(lines[seen]); m != nil {
				return m, nil
			}
		}
		select {
		case <-news:
		case <-p.done:
			if len(p.Lines()) == seen {
				return nil, fmt.Errorf("%s ended before it wrote %q", p.name, pattern)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%s did not write %q: %w", p.name, pattern, ctx.Err())
		}
	}
}

// Await is Find within a minute, or the end of the test.
func (p *Process) Await(t testing.TB, pattern string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := p.Find(ctx, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// FreePort asks the kernel for a port of 127.0.0.1 that is free now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = l.Close() }() // nothing was sent through it
	return l.Addr().(*net.TCPAddr).Port
}

// Program finds an installed program. Where it is missing, t is skipped; with CI or requireEnv set in the
// environment t fails, because a skipped integration test proves nothing.
func Program(t testing.TB, name, debian, requireEnv string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	msg := fmt.Sprintf("this test needs %s in PATH (Debian: apt install %s): %v", name, debian, err)
	if os.Getenv("CI") != "" || os.Getenv(requireEnv) != "" {
		t.Fatal(msg)
	}
	t.Skip(msg)
	return ""
}

// Retry starts a server on a free port, up to five times: another process may take the port between
// finding and binding it.
func Retry(t testing.TB, name string, start func(port int) error) {
	t.Helper()
	for i := 1; ; i++ {
		err := start(FreePort(t))
		if err == nil {
			return
		}
		if i == 5 {
			t.Fatalf("start %s, try %d: %v", name, i, err)
		}
	}
}

// Serve runs a server until a line of its output matches ready. The line proves that it is our child that
// serves, and not another process on a port that the child lost.
func Serve(within time.Duration, ready, path string, args ...string) (*Process, error) {
	p, err := Run(path, nil, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := p.Find(ctx, ready); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w; its log:\n%s", err, tail(p.Text()))
	}
	return p, nil
}
