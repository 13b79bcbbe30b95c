package redistest

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

// child is one life of a redis-server process.
type child struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when the server says it accepts connections
	done  chan struct{} // closed when the process is gone and reaped

	mu  sync.Mutex
	log []string
}

// spawn starts the process. Its output is followed rather than its port
// polled: the line is written by our child and nobody else, so a foreign
// server on a port we lost cannot be mistaken for ours.
func spawn(bin, conf string) (*child, error) {
	c := &child{
		cmd:   exec.Command(bin, conf),
		ready: make(chan struct{}),
		done:  make(chan struct{}),
	}
	c.cmd.SysProcAttr = dieWithParent()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("follow redis-server's log: %w", err)
	}
	c.cmd.Stderr = c.cmd.Stdout
	started := make(chan error)
	go c.run(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run redis-server: %w", err)
	}
	return c, nil
}

// run starts the process and reaps it. It stays on one thread, because the
// kernel ties "die with the parent" to the thread that forked.
func (c *child) run(out io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	c.follow(out)
	_ = c.cmd.Wait() // a killed server is the normal end
	close(c.done)
}

// follow reads the log until the process closes it.
func (c *child) follow(out io.Reader) {
	seen := false
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		line := sc.Text()
		c.mu.Lock()
		c.log = append(c.log, line)
		if len(c.log) > logTail {
			c.log = c.log[1:]
		}
		c.mu.Unlock()
		if !seen && strings.Contains(line, "Ready to accept connections") {
			seen = true
			close(c.ready)
		}
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

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
