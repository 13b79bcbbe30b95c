package term

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// noon is the time of every fake stream.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// fake are streams that keep what is written to them.
type fake struct {
	Streams
	Stdout, Stderr bytes.Buffer
}

func newStreams(in string) *fake {
	f := &fake{}
	f.Streams = Streams{
		In: strings.NewReader(in), Out: &f.Stdout, Err: &f.Stderr,
		Size: func() (int, int) { return 80, 30 }, Now: func() time.Time { return noon },
	}
	return f
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		in      string
		tty     bool
		yes     bool
		targets int
		want    exit.Code
	}{
		{"few", "", false, false, 50, exit.OK},
		{"many in a script", "y\n", false, false, 51, exit.Usage},
		{"many with --yes", "", false, true, 51, exit.OK},
		{"a person says y", "y\n", true, false, 51, exit.OK},
		{"a person says YES", "YES", true, false, 51, exit.OK},
		{"a person says n", "n\n", true, false, 51, exit.Error},
		{"a person just presses enter", "\n", true, false, 51, exit.Error},
		{"a person leaves", "", true, false, 51, exit.Error},
	}
	for _, tt := range tests {
		f := newStreams(tt.in)
		f.InTTY, f.ErrTTY = tt.tty, tt.tty
		if got := exit.CodeOf(f.Confirm(tt.yes, tt.targets, "Apply spring to 60 targets")); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		if asked := strings.Contains(f.Stderr.String(), "[y/N]"); asked != tt.tty {
			t.Errorf("%s: asked %v", tt.name, asked)
		}
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tty  bool
		want string
	}{
		"terminal": {true, "\r\x1b[Kx [---------------] 0 of 4\r\x1b[Kx [###############---------------] 2 of 4\r\x1b[K"},
		"file":     {false, "x: 3 of 4\nx: 4 of 4\n"},
	} {
		f := newStreams("")
		f.ErrTTY = tt.tty
		at := noon
		f.Now = func() time.Time { return at }
		b := f.Bar()
		steps := []struct {
			after time.Duration
			done  int
		}{{0, 0}, {time.Millisecond, 1}, {200 * time.Millisecond, 2}, {10 * time.Millisecond, 2}}
		if !tt.tty {
			steps = append(steps[:0], []struct {
				after time.Duration
				done  int
			}{{0, 1}, {time.Second, 2}, {5 * time.Second, 3}, {time.Second, 4}}...)
		}
		for _, s := range steps {
			at = at.Add(s.after)
			b.Show("x", s.done, 4)
		}
		b.End()
		want := strings.Replace(tt.want, "[---------------]", "["+strings.Repeat("-", barCells)+"]", 1)
		if got := f.Stderr.String(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
