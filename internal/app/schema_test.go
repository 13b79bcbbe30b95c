package app_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestNewerDataEndsTheWorker: once a newer version of the program took over the data, a running worker ends
// with an error that says so, and neither a worker nor an operator's command starts.
func TestNewerDataEndsTheWorker(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Apps: 1})
	a, err := app.New(t.Context(), f.cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context(), nil) }()
	rdb := f.redis.Client(t)
	if err := rdb.Set(t.Context(), "wxr:{ledger}:schema", ledger.Schema+1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.As(err, new(*ledger.SchemaError)) || !strings.Contains(err.Error(), "run the version of wxrollout that wrote it") {
		t.Errorf("the worker ended with %v", err)
	}
	if _, err := app.New(t.Context(), f.cfg, app.Options{}); !errors.As(err, new(*ledger.SchemaError)) {
		t.Errorf("another worker: %v", err)
	}
	if _, _, err := app.Open(t.Context(), f.cfg); !errors.As(err, new(*ledger.SchemaError)) {
		t.Errorf("an operator's command: %v", err)
	}
}
