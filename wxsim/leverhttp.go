package wxsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// leverPrefix is where the levers are served.
const leverPrefix = "/_sim/"

// lever is one lever served over HTTP.
type lever struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Does   string `json:"does"`
	Body   string `json:"body,omitempty"` // an example
	pull   func(*Sim, *pull) (any, error)
}

// pull is one use of a lever.
type pull struct {
	query url.Values
	body  []byte
}

// into decodes the body strictly; an empty body leaves v as it is.
func (p *pull) into(v any) error {
	if len(bytes.TrimSpace(p.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(p.body))
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
func (p *pull) number(key string, def int) (int, error) {
	text := p.query.Get(key)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("query: %s=%q: want a number from 0", key, text)
	}
	return n, nil
}

// errNoApp is returned by levers that name an app there is not.
var errNoApp = errors.New("there is no app with this appid; GET /_sim/apps lists them")

// serveLever plays the levers: JSON in, JSON out, 400 with a reason for what it does not understand.
func (s *Sim) serveLever(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, leverPrefix)
	known := false
	for _, l := range s.levers {
		if strings.TrimPrefix(l.Path, leverPrefix) != path {
			continue
		}
		known = true
		if l.Method != r.Method {
			continue
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON))
		if err != nil {
			leverReply(w, http.StatusBadRequest, map[string]string{"error": "body: " + err.Error()})
			return
		}
		out, err := l.pull(s, &pull{query: r.URL.Query(), body: body})
		var unbalanced *ImbalanceError
		switch {
		case errors.As(err, &unbalanced):
			leverReply(w, http.StatusConflict, map[string]any{"error": err.Error(), "balanced": false})
		case errors.Is(err, errNoApp):
			leverReply(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		case err != nil:
			leverReply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		default:
			leverReply(w, http.StatusOK, out)
		}
		return
	}
	if known {
		leverReply(w, http.StatusMethodNotAllowed, map[string]string{"error": "wrong method; GET /_sim/ lists the levers"})
		return
	}
	leverReply(w, http.StatusNotFound, map[string]string{"error": "no such lever; GET /_sim/ lists them"})
}

func leverReply(w http.ResponseWriter, status int, v any) {
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
	w.Write(buf.Bytes()) //nolint:errcheck // nobody to tell
}

// done is the answer of levers that have nothing to say.
var done = map[string]bool{"ok": true}

// share makes a lever that sets a rate.
func share(set func(*Sim, float64)) func(*Sim, *pull) (any, error) {
	return func(s *Sim, p *pull) (any, error) {
		in := struct {
			Rate *float64 `json:"rate"`
		}{}
		if err := p.into(&in); err != nil {
			return nil, err
		}
		if in.Rate == nil || *in.Rate < 0 || *in.Rate > 1 {
			return nil, errors.New("rate: want a share from 0 to 1")
		}
		set(s, *in.Rate)
		return done, nil
	}
}

// span makes a lever that sets a range of durations.
func span(set func(*Sim, Range)) func(*Sim, *pull) (any, error) {
	return func(s *Sim, p *pull) (any, error) {
		in := struct {
			Range *Range `json:"range"`
		}{}
		if err := p.into(&in); err != nil {
			return nil, err
		}
		if in.Range == nil {
			return nil, errors.New("range: want a form like 1s-3s")
		}
		set(s, *in.Range)
		return done, nil
	}
}

// one makes a lever about one app, or about all when its body says so.
func one(all bool, act func(*Sim, appBody) (any, error)) func(*Sim, *pull) (any, error) {
	return func(s *Sim, p *pull) (any, error) {
		var in appBody
		if err := p.into(&in); err != nil {
			return nil, err
		}
		switch {
		case in.AppID == "" && !in.All && all:
			return nil, errors.New(`want {"appid":"..."} or {"all":true}`)
		case in.AppID == "" && !all:
			return nil, errors.New(`want {"appid":"..."}`)
		case in.AppID != "" && in.All:
			return nil, errors.New("appid and all exclude each other")
		case in.AppID != "" && s.apps.find(in.AppID) == nil:
			return nil, fmt.Errorf("appid %q: %w", in.AppID, errNoApp)
		}
		return act(s, in)
	}
}

// appBody is the body of levers about apps.
type appBody struct {
	AppID  string `json:"appid"`
	All    bool   `json:"all"`
	Reason string `json:"reason"`
	Reject bool   `json:"reject"`
}
