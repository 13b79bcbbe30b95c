package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
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

// point is a time and a value as the API writes them.
type point [2]any

func (v point) value() (float64, error) {
	text, _ := v[1].(string)
	return strconv.ParseFloat(text, 64)
}

// Query evaluates an expression now. An expression that is wrong gives a
// *QueryError; one that matches nothing gives no samples.
func (p *Prom) Query(ctx context.Context, expr string) ([]Sample, error) {
	body, err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expr))
	if err != nil {
		return nil, fmt.Errorf("query %q: %w; its log:\n%s", expr, err, p.child.Text())
	}
	var answer struct {
		Status, ErrorType, Error string
		Data                     struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("query %q: %w: %.200s", expr, err, body)
	}
	if answer.Status != "success" {
		return nil, &QueryError{Kind: answer.ErrorType, Text: answer.Error, Expr: expr}
	}
	samples, err := decode(answer.Data.ResultType, answer.Data.Result)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	return samples, nil
}

// get reads a path of the API.
func (p *Prom) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no connection outlives the test
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // the body is read to its end
	return io.ReadAll(resp.Body)
}

func decode(kind string, result json.RawMessage) ([]Sample, error) {
	var list []struct {
		Metric map[string]string
		Value  point
	}
	switch kind {
	case "scalar":
		var v point
		if err := json.Unmarshal(result, &v); err != nil {
			return nil, err
		}
		f, err := v.value()
		return []Sample{{Value: f}}, err
	case "vector":
		if err := json.Unmarshal(result, &list); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("a result of type %q: want an instant vector or a scalar", kind)
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
}

// poll calls try until it is true or ctx ends, and reports which.
func poll(ctx context.Context, try func() bool) bool {
	look := time.NewTicker(Interval / 4)
	defer look.Stop()
	for !try() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Await returns when every target has been scraped successfully n times since the
// start, or fails t after three minutes.
func (p *Prom) Await(t testing.TB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var got []Sample
	var err error
	if !poll(ctx, func() bool {
		got, err = p.Query(ctx, fmt.Sprintf("count(sum_over_time(up[1h]) >= %d)", n))
		return err == nil && len(got) == 1 && got[0].Value == float64(p.targets)
	}) {
		health, _ := p.get(context.Background(), "/api/v1/targets") // only for the message
		t.Fatalf("not all of %d targets were scraped %d times: %v, %v\n%s", p.targets, n, got, err, health)
	}
}
