// Package term reads from and writes to terminals, files and pipes: tables, JSON,
// progress and confirmations. It knows nothing of rollouts.
package term

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Streams are the input and outputs of a command. Data goes to Out, everything else to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY report which of them are terminals.
	InTTY, OutTTY, ErrTTY bool
	// Color reports whether states have colors on Out.
	Color bool
	// Listing has the flags of a command that writes a list.
	Listing Listing
	Now     func() time.Time
	// Size is the columns and lines of the terminal, at least 40 by 5.
	Size func() (width, height int)
}

// NewStreams returns the streams of a process.
func NewStreams(in io.Reader, out, err io.Writer) Streams {
	s := Streams{In: in, Out: &watched{to: out}, Err: err, InTTY: isTerminal(in), OutTTY: isTerminal(out), ErrTTY: isTerminal(err), Now: time.Now}
	s.Size = func() (int, int) {
		if f, ok := out.(*os.File); ok {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil {
				return max(40, w), max(5, h)
			}
		}
		return 100, 50
	}
	return s
}

// watched keeps the first error of writing: libraries that print help and versions drop it.
type watched struct {
	to  io.Writer
	err error
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// OutError is the first error of writing to Out.
func (s Streams) OutError() error {
	if w, ok := s.Out.(*watched); ok {
		return w.err
	}
	return nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Talk writes to Err, without hidden characters, and ignores write errors.
func (s Streams) Talk(format string, args ...any) {
	_, _ = io.WriteString(s.Err, human.Lines(fmt.Sprintf(format, args...)))
}

// Print writes text to Out, without hidden characters.
func (s Streams) Print(format string, args ...any) error {
	_, err := io.WriteString(s.Out, human.Lines(fmt.Sprintf(format, args...)))
	return err
}

// Draw writes text with control sequences to a terminal. The caller has neutralized all
// foreign text in it.
func Draw(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

// Ago writes the time since t; blank for the zero time.
func (s Streams) Ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return human.Duration(s.Now().Sub(t))
}

// Until writes the time until t, "now" when it has passed; blank for the zero time.
func (s Streams) Until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if left := t.Sub(s.Now()); left > 0 {
		return human.Duration(left)
	}
	return "now"
}

// Show writes v in a format for programs, or the text.
func (s Streams) Show(f Format, v any, format string, args ...any) error {
	if f.Object() {
		return s.Object(f, v)
	}
	return s.Print(format, args...)
}
