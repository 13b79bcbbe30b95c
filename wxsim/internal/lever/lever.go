// Package lever serves the levers of the simulator: JSON in, JSON out, 400 with a reason for what it does not understand.
package lever

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Prefix is the path of the levers.
const Prefix = "/_sim/"

const maxBody = 1 << 20

// Levers serves the levers of a simulator.
type Levers struct {
	world   *model.World
	gateway *gateway.Gateway
	table   []lever
}

// New is the levers of a world and its gateway.
func New(w *model.World, g *gateway.Gateway) *Levers {
	l := &Levers{world: w, gateway: g}
	l.table = append(l.state(), append(l.settings(), l.actors()...)...)
	return l
}

type lever struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Does   string `json:"does"`
	Body   string `json:"body,omitempty"` // an example
	pull   pull
}

type pull func(*request) (any, error)

type request struct {
	query url.Values
	body  []byte
}

// into decodes the body strictly; an empty body leaves v unchanged.
func (r *request) into(v any) error {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: more than one JSON value")
	}
	return nil
}

// number reads an integer of the query.
func (r *request) number(key string, def int) (int, error) {
	text := r.query.Get(key)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("query: %s=%q: want a number from 0", key, text)
	}
	return n, nil
}

// ServeHTTP implements http.Handler.
func (l *Levers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	known := false
	for _, lv := range l.table {
		if lv.Path != r.URL.Path {
			continue
		}
		known = true
		if lv.Method == r.Method {
			serve(w, r, lv)
			return
		}
	}
	if known {
		answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "wrong method; GET /_sim/ lists the levers"})
		return
	}
	answer(w, http.StatusNotFound, map[string]string{"error": "no such lever; GET /_sim/ lists them"})
}

func serve(w http.ResponseWriter, r *http.Request, lv lever) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "body: " + err.Error()})
		return
	}
	out, err := lv.pull(&request{query: r.URL.Query(), body: body})
	var unbalanced *books.ImbalanceError
	switch {
	case errors.As(err, &unbalanced):
		answer(w, http.StatusConflict, map[string]any{"error": err.Error(), "balanced": false})
	case errors.Is(err, model.ErrNoApp):
		answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	default:
		answer(w, http.StatusOK, out)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(buf.Bytes()) //nolint:errcheck // the client is gone
}

// done is the answer of levers without a result.
var done = map[string]bool{"ok": true}

// show makes a lever without a body.
func show[T any](f func() T) pull { return func(*request) (any, error) { return f(), nil } }

// do makes a lever without a body and without a result.
func do(f func()) pull { return func(*request) (any, error) { f(); return done, nil } }

// with makes a lever whose body is a T.
func with[T any](act func(T) (any, error)) pull {
	return func(r *request) (any, error) {
		var in T
		if err := r.into(&in); err != nil {
			return nil, err
		}
		return act(in)
	}
}

// change makes a lever that edits the settings.
func change[T any](l *Levers, edit func(*model.Settings, T)) func(T) (any, error) {
	return func(v T) (any, error) {
		l.world.Change(func(x *model.Settings) { edit(x, v) })
		return done, nil
	}
}

// rate makes a lever that sets a share.
func (l *Levers) rate(set func(*model.Settings, float64)) pull {
	return with(func(in struct {
		Rate *float64 `json:"rate"`
	},
	) (any, error) {
		if in.Rate == nil || *in.Rate < 0 || *in.Rate > 1 {
			return nil, errors.New("rate: want a share from 0 to 1")
		}
		return change(l, set)(*in.Rate)
	})
}

// span makes a lever that sets a range of durations.
func (l *Levers) span(set func(*model.Settings, chance.Range)) pull {
	return with(func(in struct {
		Range *chance.Range `json:"range"`
	},
	) (any, error) {
		if in.Range == nil {
			return nil, errors.New("range: want a form like 1s-3s")
		}
		return change(l, set)(*in.Range)
	})
}

// appBody is the body of levers about apps.
type appBody struct {
	AppID  string `json:"appid"`
	All    bool   `json:"all"`
	Reason string `json:"reason"`
	Reject bool   `json:"reject"`
}

// one makes a lever about one app, or about all when its body says so and all is allowed.
func (l *Levers) one(all bool, act func(appBody) any) pull {
	return with(func(in appBody) (any, error) {
		switch {
		case in.AppID == "" && !in.All && all:
			return nil, errors.New(`want {"appid":"..."} or {"all":true}`)
		case in.AppID == "" && !all:
			return nil, errors.New(`want {"appid":"..."}`)
		case in.AppID != "" && in.All:
			return nil, errors.New("appid and all exclude each other")
		case in.AppID == "":
			return act(in), nil
		}
		if _, err := l.world.Find(in.AppID); err != nil {
			return nil, err
		}
		return act(in), nil
	})
}
