package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// slot is the place of one worker, with its own ways to WeChat and to Redis. Its
// supervisor starts the program again whenever it ends, as systemd would.
type slot struct {
	rig     *rig
	name    string
	program string
	env     []string
	wechat  *wechat
	wire    *wire

	mu      sync.Mutex
	proc    *proctest.Process
	url     string // of its HTTP side, "" while it isn't up
	killed  bool
	asked   int // to end, by SIGTERM: how often
	closing bool
	lives   []*proctest.Process
	done    chan struct{}
}

func newSlot(r *rig, name string, o slotOptions) *slot {
	s := &slot{rig: r, name: name, program: o.program, done: make(chan struct{})}
	s.wechat = newWeChat(r.t, r.sim, s.kill)
	s.wire = newWire(r.t, r.store.addr, s.kill)
	s.env = append(append([]string{}, r.env...),
		"WXROLLOUT_WECHAT_URL="+s.wechat.srv.URL, "WXROLLOUT_REDIS_URL=redis://"+s.wire.addr()+"/0")
	s.env = append(s.env, o.env...)
	return s
}

// kill is kill -9.
func (s *slot) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.killed = true
		s.rig.note("%s (process %d) is killed", s.name, s.proc.PID())
		s.proc.Signal(syscall.SIGKILL)
	}
}

// term asks the program to end.
func (s *slot) term() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.asked++
		s.rig.note("%s (process %d) gets SIGTERM", s.name, s.proc.PID())
		s.proc.Signal(syscall.SIGTERM)
	}
}

// signal sends any other signal.
func (s *slot) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.rig.note("%s (process %d) gets %v", s.name, s.proc.PID(), sig)
		s.proc.Signal(sig)
	}
}

// supervise keeps a worker running until close.
func (s *slot) supervise() {
	defer close(s.done)
	for {
		s.life()
		s.mu.Lock()
		closing := s.closing
		s.mu.Unlock()
		if closing {
			return
		}
		wait(context.Background(), 300*time.Millisecond)
	}
}

// life is one process from its start to its end.
func (s *slot) life() {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return
	}
	p, err := proctest.Run(s.program, s.env)
	if err != nil {
		s.mu.Unlock()
		s.rig.found(kindExit, "%s: %v", s.name, err)
		wait(context.Background(), time.Second)
		return
	}
	s.proc, s.killed, s.asked = p, false, 0
	s.lives = append(s.lives, p)
	s.mu.Unlock()
	m, err := p.Find(context.Background(), `"listen":"([^"]+)".*worker started`)
	started := err == nil
	if started {
		s.mu.Lock()
		s.url = "http://" + m[1]
		s.mu.Unlock()
	}
	<-p.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc, s.url = nil, ""
	const (
		noRedis = 1 // at the start, or while it signs off
		atOnce  = 1 // a second signal ends it without draining
	)
	switch code := p.ExitCode(); {
	case s.killed, s.asked > 0 && code == 0, s.asked > 1 && code == atOnce, !started && code == noRedis:
	default:
		text := p.Text()
		s.rig.found(kindExit, "%s ended with exit code %d (started %v, asked to %d times):\n%s", s.name, code, started, s.asked, text[max(0, len(text)-2000):])
	}
}

// up waits until the worker runs.
func (s *slot) up(ctx context.Context) bool {
	for {
		s.mu.Lock()
		url := s.url
		s.mu.Unlock()
		if url != "" {
			return true
		}
		if !wait(ctx, 50*time.Millisecond) {
			return false
		}
	}
}

// close ends the worker for good, with SIGTERM first if it is to end well.
func (s *slot) close(well bool) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	if well {
		s.term()
		select {
		case <-s.done:
			return
		case <-time.After(time.Minute):
			s.rig.found(kindExit, "%s didn't end within a minute of SIGTERM", s.name)
		}
	}
	s.kill()
	<-s.done
}

// goroutines asks the worker how many it has; -1 if it doesn't say.
func (s *slot) goroutines(ctx context.Context) int {
	s.mu.Lock()
	url := s.url
	s.mu.Unlock()
	var text string
	if _, err := proctest.Ask(ctx, "GET", url+"/metrics", "", &text); err != nil {
		return -1
	}
	for line := range strings.SplitSeq(text, "\n") {
		if v, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return -1
			}
			return n
		}
	}
	return -1
}

// grep is what all its lives said about something.
func (s *slot) grep(what string) []string {
	s.mu.Lock()
	lives := s.lives
	s.mu.Unlock()
	var lines []string
	for _, p := range lives {
		for _, l := range p.Lines() {
			if strings.Contains(l, what) {
				lines = append(lines, fmt.Sprintf("%s/%d %s", s.name, p.PID(), l))
			}
		}
	}
	return lines
}
