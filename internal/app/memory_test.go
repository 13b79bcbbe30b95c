package app_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wxrollout/wxrollout/internal/app"
)

// TestMemoryLimit: a container that is too small is refused in one line.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const v2, v1 = "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"
	for _, tt := range []struct {
		files map[string]string
		want  string // an error; "" for none
	}{
		{nil, ""},
		{map[string]string{v2: "max\n"}, ""},
		{map[string]string{v2: "67108864\n"}, ""},
		{map[string]string{v1: "9223372036854771712\n"}, ""},
		{map[string]string{v2: "20971520\n"}, "the memory limit is 20 MiB (/sys/fs/cgroup/memory.max): give it at least 64 MiB"},
		{map[string]string{v1: "33554432\n"}, "32 MiB (/sys/fs/cgroup/memory/memory.limit_in_bytes)"},
	} {
		machine := make(fstest.MapFS)
		for name, text := range tt.files {
			machine[name] = &fstest.MapFile{Data: []byte(text)}
		}
		err := app.CheckMemory(func(name string) (fs.File, error) { return machine.Open(strings.TrimPrefix(name, "/")) })
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%v: %v, want %q", tt.files, err, tt.want)
		}
	}
}
