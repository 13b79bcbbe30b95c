package promtest_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/promtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a target with two metrics.
func serve(t *testing.T) (addr string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("apples{kind=\"red\"} 3\nempty NaN\n")) // a lost reply fails the test below
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestQuery(t *testing.T) {
	t.Parallel()
	target := serve(t)
	prom := promtest.Start(t, target)
	prom.Await(t, 1)
	tests := map[string]struct {
		expr string
		want []promtest.Sample
	}{
		"a series": {"apples", []promtest.Sample{{
			Labels: map[string]string{"__name__": "apples", "kind": "red", "job": "wxrollout", "instance": target}, Value: 3,
		}}},
		"a scalar": {"1 + 1", []promtest.Sample{{Value: 2}}},
		"no match": {"pears", []promtest.Sample{}},
		"no value": {"sum(empty)", []promtest.Sample{{Labels: map[string]string{}, Value: math.NaN()}}},
		"infinite": {"sum(apples) / 0", []promtest.Sample{{Labels: map[string]string{}, Value: math.Inf(1)}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := prom.Query(t.Context(), tt.expr)
			if err != nil {
				t.Fatalf("query: %v", err)
			}
			same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
			if diff := cmp.Diff(tt.want, got, same); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
		})
	}
	for name, expr := range map[string]string{"doesn't parse": "sum by (", "is a range": "apples[1m]"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := prom.Query(t.Context(), expr)
			if err == nil {
				t.Errorf("query %q: %v, want an error", expr, got)
			}
			if bad := (*promtest.QueryError)(nil); name == "doesn't parse" && (!errors.As(err, &bad) || bad.Kind != "bad_data") {
				t.Errorf("query %q: %v, want bad_data", expr, err)
			}
		})
	}
}
