package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sample is one line of an instant query's answer. A scalar has no labels.
type Sample struct {
	Labels map[string]string
	Value  float64 // NaN and infinities included
}

// QueryError is an answer that Prometheus refused to give.
type QueryError struct {
	// Kind is Prometheus's word: bad_data for an expression that doesn't parse.
	Kind string
	// Text is its explanation.
	Text string
	// Expr is what was asked.
	Expr string
}

func (e *QueryError) Error() string { return fmt.Sprintf("query %q: %s: %s", e.Expr, e.Kind, e.Text) }

// answer is the API's envelope.
type answer struct {
	Status    string
	ErrorType string
	Error     string
	Data      struct {
		ResultType string
		Result     json.RawMessage
	}
}

// Query evaluates an expression now. An expression that is wrong gives a
// *QueryError; one that matches nothing gives no samples.
func (p *Prom) Query(ctx context.Context, expr string) ([]Sample, error) {
	form := url.Values{"query": {expr}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/api/v1/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := p.do(req)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w; its log:\n%s", expr, err, p.child.tail())
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("query %q: %w: %.200s", expr, err, body)
	}
	if a.Status != "success" {
		return nil, &QueryError{Kind: a.ErrorType, Text: a.Error, Expr: expr}
	}
	samples, err := decode(a.Data.ResultType, a.Data.Result)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	return samples, nil
}

func (p *Prom) do(req *http.Request) ([]byte, error) {
	transport := &http.Transport{DisableKeepAlives: true} // no connection outlives the test
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // the body is read to its end
	return io.ReadAll(resp.Body)
}

// point is a time and a value as the API writes them.
type point [2]any

func (v point) value() (float64, error) {
	text, _ := v[1].(string)
	return strconv.ParseFloat(text, 64)
}

func decode(kind string, result json.RawMessage) ([]Sample, error) {
	switch kind {
	case "scalar":
		var v point
		if err := json.Unmarshal(result, &v); err != nil {
			return nil, err
		}
		f, err := v.value()
		return []Sample{{Value: f}}, err
	case "vector":
		var list []struct {
			Metric map[string]string
			Value  point
		}
		if err := json.Unmarshal(result, &list); err != nil {
			return nil, err
		}
		samples := make([]Sample, len(list))
		for i, s := range list {
			f, err := s.Value.value()
			if err != nil {
				return nil, err
			}
			samples[i] = Sample{Labels: s.Metric, Value: f}
		}
		return samples, nil
	default:
		return nil, fmt.Errorf("a result of type %q: want an instant vector or a scalar", kind)
	}
}

// Await returns when every target has been scraped well n times since the start,
// or fails t after a minute.
func (p *Prom) Await(t testing.TB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	look := time.NewTicker(Interval / 2)
	defer look.Stop()
	expr := fmt.Sprintf("count(sum_over_time(up[1h]) >= %d)", n)
	for {
		got, err := p.Query(ctx, expr)
		if err == nil && len(got) == 1 && got[0].Value == float64(p.targets) {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("not all of %d targets were scraped %d times: %v, %v\n%s", p.targets, n, got, err, p.health())
		}
	}
}

// health is what Prometheus says of its targets, for messages.
func (p *Prom) health() string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.URL+"/api/v1/targets", http.NoBody)
	if err != nil {
		return err.Error()
	}
	body, err := p.do(req)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
