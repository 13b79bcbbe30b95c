package proctest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Result is a program that ran to its end.
type Result struct {
	Code   int
	Stdout string
	Stderr string
}

// Call runs a program to its end, in a folder.
func Call(t testing.TB, path string, env []string, dir string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := Result{Code: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: errs.String()}
	t.Logf("%s %s: exit %d\n%s%s", filepath.Base(path), strings.Join(args, " "), r.Code, tail(r.Stdout), tail(r.Stderr))
	if err != nil && r.Code < 0 {
		t.Fatal(err)
	}
	return r
}

func tail(s string) string { return s[max(0, len(s)-1500):] }

// Ask sends a request and reads the answer; into may be nil, *string, or
// something JSON fills. It returns the status.
func Ask(ctx context.Context, method, url, body string, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, url, err)
	}
	switch v := into.(type) {
	case nil:
	case *string:
		*v = string(b)
	default:
		if err := json.Unmarshal(b, v); err != nil {
			return 0, fmt.Errorf("%s %s: %w in %.200q", method, url, err, b)
		}
	}
	return resp.StatusCode, nil
}

// Fetch is Ask, or the end of the test.
func Fetch(t testing.TB, method, url, body string, into any) int {
	t.Helper()
	code, err := Ask(t.Context(), method, url, body, into)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
