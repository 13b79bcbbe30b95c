package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a worker process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log []string
	got chan struct{} // a line came
}

func startProcess(t *testing.T, env []string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self), done: make(chan struct{}), got: make(chan struct{}, 1)}
	p.cmd.Env = append([]string{asWorker + "=1", "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE")}, env...)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its exit code is read below
		_ = w.Close()
	}()
	go p.read(r)
	t.Cleanup(func() {
		p.signal(t, syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("worker %d:\n%s", p.cmd.Process.Pid, p.text())
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	defer close(p.done)
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		p.log = append(p.log, s.Text())
		p.mu.Unlock()
		select {
		case p.got <- struct{}{}:
		default:
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal %v: %v", s, err)
	}
}

// await waits until the worker has said something.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(p.text(), text) {
		select {
		case <-p.got:
		case <-p.done:
			if strings.Contains(p.text(), text) {
				return
			}
			t.Fatalf("the worker ended before it said %q", text)
		case <-ctx.Done():
			t.Fatalf("the worker never said %q", text)
		}
	}
}

// exit waits for the end and returns the exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		t.Fatal("the worker doesn't end")
		return 0
	}
}

// logged are the lines of the log with a message.
func (p *process) logged(t *testing.T, message string) (lines []map[string]any) {
	t.Helper()
	for l := range strings.SplitSeq(p.text(), "\n") {
		var m map[string]any
		if json.Unmarshal([]byte(l), &m) == nil && m["message"] == message {
			lines = append(lines, m)
		}
	}
	return lines
}
