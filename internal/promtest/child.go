package promtest

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

// logTail is how many of the last log lines a child keeps for error messages.
const logTail = 20

// child is a Prometheus process.
type child struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when the log says that it is ready
	done  chan struct{} // closed when the process is gone and reaped

	mu  sync.Mutex
	log []string
}

// spawn starts the process and follows its log until a line with the text
// ready. The log is our child's alone: a foreign server on a port that we lost
// can't be mistaken for it.
func spawn(bin, ready string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(bin, args...), ready: make(chan struct{}), done: make(chan struct{})}
	c.cmd.SysProcAttr = dieWithParent()
	out, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("follow its log: %w", err)
	}
	started := make(chan error)
	go c.run(out, ready, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", bin, err)
	}
	return c, nil
}

// run starts the process and reaps it. It stays on one thread, because the
// kernel ties "die with the parent" to the thread that forked.
func (c *child) run(out io.Reader, ready string, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.follow(out, ready)
	_ = c.cmd.Wait() // being killed is its normal end
	close(c.done)
}

// follow reads the log until the process closes it.
func (c *child) follow(out io.Reader, ready string) {
	seen := false
	for sc := bufio.NewScanner(out); sc.Scan(); {
		c.mu.Lock()
		c.log = append(c.log, sc.Text())
		if len(c.log) > logTail {
			c.log = c.log[1:]
		}
		c.mu.Unlock()
		if !seen && strings.Contains(sc.Text(), ready) {
			seen = true
			close(c.ready)
		}
	}
}

// kill ends the process and waits until it is reaped.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	<-c.done
}

// tail is the end of the log.
func (c *child) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.log, "\n")
}
