package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// wire stands between one worker and Redis.
type wire struct {
	ln   net.Listener
	to   func() string // address of the server
	kill func()        // kills the worker

	mu    sync.Mutex
	links map[*link]bool
	traps []*trap
	cut   chan struct{} // closed when an interruption ends; nil without one
	wg    sync.WaitGroup
}

// trap kills a worker at a command; it may be set for several workers, and gets one.
type trap struct {
	match func(command) bool
	after bool // the server carries it out, and the reply is never seen
	fired chan struct{}

	mu   sync.Mutex
	skip int // commands that pass first
	shut bool
}

// catches reports whether a command is caught, and uses the trap up.
func (t *trap) catches(c command) bool {
	if !t.match(c) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut {
		return false
	}
	if t.skip > 0 {
		t.skip--
		return false
	}
	t.shut = true
	close(t.fired)
	return true
}

// command is what a client sends, its name first.
type command [][]byte

func (c command) arg(i int) string {
	if i >= len(c) {
		return ""
	}
	return string(c[i])
}

// link is one connection.
type link struct {
	client, server net.Conn

	mu      sync.Mutex
	swallow bool // the worker is to be killed by the next reply
}

func newWire(t *testing.T, to func() string, kill func()) *wire {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{ln: ln, to: to, kill: kill, links: make(map[*link]bool)}
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		w.goOn()
		w.drop()
		w.wg.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.ln.Addr().String() }

func (w *wire) accept() {
	for {
		c, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.wg.Go(func() { w.serve(c) })
	}
}

func (w *wire) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	w.passable()
	s, err := net.DialTimeout("tcp", w.to(), 3*time.Second)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	l := &link{client: c, server: s}
	w.mu.Lock()
	w.links[l] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.links, l)
		w.mu.Unlock()
	}()
	w.wg.Go(func() { w.down(l) })
	w.up(l)
}

// drop breaks every connection, as a failover does.
func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		_ = l.client.Close()
		_ = l.server.Close()
	}
}

// interrupt stops all traffic, connections stay open; fix lets it go on.
func (w *wire) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut == nil {
		w.cut = make(chan struct{})
	}
}

func (w *wire) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut != nil {
		close(w.cut)
		w.cut = nil
	}
}

// passable waits until nothing interrupts the traffic.
func (w *wire) passable() {
	for {
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		if cut == nil {
			return
		}
		<-cut
	}
}

// set puts a trap up.
func (w *wire) set(t *trap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traps = append(w.traps, t)
}

func (w *wire) unset(t *trap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traps = slices.DeleteFunc(w.traps, func(x *trap) bool { return x == t })
}

// caught finds the trap that a command is caught in.
func (w *wire) caught(c command) *trap {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.traps, func(t *trap) bool { return t.catches(c) }); i >= 0 {
		return w.traps[i]
	}
	return nil
}

// up carries commands to the server, one by one.
func (w *wire) up(l *link) {
	defer func() { _ = l.server.Close() }()
	in, out := bufio.NewReaderSize(l.client, 1<<16), bufio.NewWriterSize(l.server, 1<<16)
	for {
		raw, cmd, err := readCommand(in)
		if err != nil {
			return
		}
		w.passable()
		switch t := w.caught(cmd); {
		case t == nil:
		case t.after:
			l.mu.Lock()
			l.swallow = true
			l.mu.Unlock()
		default:
			w.kill()
			return
		}
		if _, err := out.Write(raw); err != nil {
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// down carries replies to the worker.
func (w *wire) down(l *link) {
	defer func() { _ = l.client.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := l.server.Read(buf)
		if n > 0 {
			l.mu.Lock()
			swallow := l.swallow
			l.mu.Unlock()
			if swallow {
				w.kill()
				return
			}
			w.passable()
			if _, err := l.client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readCommand reads a command as clients send it: an array of bulk strings. raw
// is all of it, byte for byte.
func readCommand(in *bufio.Reader) (raw []byte, cmd command, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, nil, err
	}
	raw = line
	n, err := number(line, '*')
	if err != nil {
		return nil, nil, err
	}
	type span struct{ from, to int }
	spans := make([]span, n)
	for i := range n {
		head, err := in.ReadBytes('\n')
		if err != nil {
			return nil, nil, err
		}
		size, err := number(head, '$')
		if err != nil {
			return nil, nil, err
		}
		raw = append(raw, head...)
		from := len(raw)
		raw = append(raw, make([]byte, size+2)...)
		if _, err := io.ReadFull(in, raw[from:]); err != nil {
			return nil, nil, err
		}
		spans[i] = span{from, from + size}
	}
	for _, s := range spans {
		cmd = append(cmd, raw[s.from:s.to])
	}
	return raw, cmd, nil
}

func number(line []byte, kind byte) (int, error) {
	if len(line) < 3 || line[0] != kind {
		return 0, fmt.Errorf("want %c and a number, not %q", kind, line)
	}
	return strconv.Atoi(string(bytes.TrimSpace(line[1:])))
}
