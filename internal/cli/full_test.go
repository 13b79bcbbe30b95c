package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// fullDisk accepts some bytes.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) <= d.room {
		d.room -= len(p)
		return len(p), nil
	}
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: errors.New("no space left on device")}
}

// TestOutputThatIsLost runs commands that print without Redis: libraries that ignore errors of
// writing print some of them.
func TestOutputThatIsLost(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"version", "--version", "--help", "help", "help get", "get --help", "get rollouts --help", "completion bash", "completion zsh", "plan --sample", "__complete get r",
	} {
		for _, room := range []int{0, 4} {
			var stderr bytes.Buffer
			code := Run("dev", strings.Fields(line), nil, strings.NewReader(""), &fullDisk{room: room}, &stderr)
			if exit.Code(code) != exit.Error || !strings.HasSuffix(stderr.String(), "enqueue: write the output: no space left on device\n") {
				t.Errorf("%s: exit %d, stderr %q", line, code, stderr.String())
			}
		}
	}
}
