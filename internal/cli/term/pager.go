package term

import (
	"cmp"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// ColorModes are the values of --color.
func ColorModes() []string { return []string{"auto", "always", "never"} }

// UseColor chooses whether states have colors: by --color, or on a terminal unless NO_COLOR is
// set or the terminal is dumb.
func (s *Streams) UseColor(mode string, getenv func(string) string) {
	s.Color = mode == "always" || mode == "auto" && s.OutTTY && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// PagerOf returns the pager that the environment asks for; "" is none. Without a wish it is less.
func PagerOf(getenv func(string) string) string {
	command := cmp.Or(getenv("WXROLLOUT_PAGER"), getenv("PAGER"), "less")
	if _, err := exec.LookPath("less"); command == "cat" || command == "less" && err != nil || getenv("TERM") == "dumb" {
		return ""
	}
	return command
}

// Page sends Out through a pager, which starts with the first output. The caller must call done,
// which waits for the pager.
func (s *Streams) Page(command string, environ []string) (done func()) {
	w, ok := s.Out.(*watched)
	if !ok {
		return func() {}
	}
	p := &pager{command: command, environ: environ, direct: w.to, err: s.Err}
	w.to = p
	return func() {
		w.to = p.direct
		p.close()
	}
}

// pager is a writer to a pager.
type pager struct {
	command     string
	environ     []string
	direct, err io.Writer
	started     bool
	cmd         *exec.Cmd
	in          io.WriteCloser
}

func (p *pager) Write(b []byte) (int, error) {
	if !p.started {
		p.start()
	}
	if p.in == nil {
		return p.direct.Write(b)
	}
	n, err := p.in.Write(b)
	if errors.Is(err, syscall.EPIPE) { // the reader has seen enough
		return len(b), nil
	}
	return n, err
}

// start starts the pager. One that can't be started is skipped. LESS quits if the text fits one
// screen, shows colors and leaves the text on the screen, as with git.
func (p *pager) start() {
	p.started = true
	cmd := exec.Command("sh", "-c", p.command) //nolint:gosec,noctx // the operator's own pager; it lives until the operator quits it
	cmd.Stdout, cmd.Stderr = p.direct, p.err
	cmd.Env = append([]string{"LESS=FRX", "LV=-c"}, p.environ...) // the last of equal names wins
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		p.cmd, p.in = cmd, in
	}
}

// close ends the text and waits until the operator quits the pager.
func (p *pager) close() {
	if p.cmd == nil {
		return
	}
	_ = p.in.Close()
	_ = p.cmd.Wait() // its exit code is no result of the command
}

// Getenv returns a lookup in an environment; of equal names the last one counts.
func Getenv(environ []string) func(string) string {
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}
