package term

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUseColor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode string
		tty  bool
		env  []string
		want bool
	}{
		{"auto", true, nil, true},
		{"auto", false, nil, false},
		{"auto", true, []string{"NO_COLOR=1"}, false},
		{"auto", true, []string{"NO_COLOR="}, true},
		{"auto", true, []string{"TERM=dumb"}, false},
		{"always", false, []string{"NO_COLOR=1", "TERM=dumb"}, true},
		{"never", true, nil, false},
	} {
		s := Streams{OutTTY: tt.tty}
		if s.UseColor(tt.mode, Getenv(tt.env)); s.Color != tt.want {
			t.Errorf("%+v: %v", tt, s.Color)
		}
	}
}

func TestPagerOf(t *testing.T) {
	t.Parallel()
	for want, env := range map[string][]string{
		"more":    {"PAGER=more"},
		"less -S": {"PAGER=more", "WXROLLOUT_PAGER=less -S"},
		"":        {"PAGER=more", "TERM=dumb"},
	} {
		if got := PagerOf(Getenv(env)); got != want {
			t.Errorf("%v: %q, want %q", env, got, want)
		}
	}
	if got := PagerOf(Getenv([]string{"PAGER=cat"})); got != "" {
		t.Errorf("cat: %q", got)
	}
}

// TestPage runs real pagers.
func TestPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	for name, tt := range map[string]struct{ pager, write, want string }{
		"through":   {"sed s/a/b/; echo $LESS", "a\n", "b\nFRX\n"},
		"nothing":   {"echo started", "", ""},
		"it quits":  {"head -c 1 >/dev/null", strings.Repeat("x", 1<<20), ""},
		"not there": {"exit 127", "a\n", ""},
	} {
		out, err := os.Create(path + strings.ReplaceAll(name, " ", "-"))
		if err != nil {
			t.Fatal(err)
		}
		s := NewStreams(strings.NewReader(""), out, io.Discard)
		done := s.Page(tt.pager, []string{"PATH=" + os.Getenv("PATH")})
		if tt.write != "" {
			if err := s.Print("%s", tt.write); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		done()
		if err := s.OutError(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := os.ReadFile(out.Name())
		if err != nil || !bytes.Equal(got, []byte(tt.want)) {
			t.Errorf("%s: %q, want %q (%v)", name, got, tt.want, err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}
