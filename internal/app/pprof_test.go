package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxsim"
)

// Profiles are served on a separate address, and only if it is set.
func TestPprof(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Apps: 1}, "PPROF_LISTEN=127.0.0.1:0")
	a := f.worker(t)
	code, body, err := ask(t.Context(), a.PprofAddr(), "/debug/pprof/goroutine?debug=1")
	if err != nil || code != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("%d %.80q %v", code, body, err)
	}
	if code, _, err := get(t.Context(), a, "/debug/pprof/"); err != nil || code != http.StatusNotFound {
		t.Errorf("beside the metrics: %d %v, want 404", code, err)
	}
	if code, _, err := ask(t.Context(), a.PprofAddr(), "/debug/pprof/cmdline"); err != nil || code != http.StatusNotFound {
		t.Errorf("the command line: %d %v, want 404", code, err)
	}
	f.cfg.PprofListen = ""
	if addr := f.worker(t).PprofAddr(); addr != nil {
		t.Errorf("profiles are at %s by default", addr)
	}
}
