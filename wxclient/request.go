package wxclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// request is one call before it has a token.
type request struct {
	method string
	path   string
	// appid is the app the call acts for, "" for the component.
	appid string
	query url.Values
	// body is marshalled for a POST; nil becomes {}, since an empty body gives 44002.
	body any
	// secrets are the secrets inside the body, to be kept out of every error.
	secrets []string
	// writes marks a GET that changes something: the transport must not replay it.
	writes bool
	// bare marks the calls whose success WeChat documents without an errcode: those that return
	// credentials or list accounts. The payload of their replies proves success.
	bare bool
	// list marks an endpoint with long replies.
	list bool
	// tokenName is the query name of the token; empty means access_token.
	tokenName string
	// file is posted as a multipart form in place of a JSON body.
	file *file
	// picture receives a reply that is a picture; nil for the calls that answer JSON only.
	picture *[]byte
}

// file is the one part of a multipart form.
type file struct {
	field, name string
	data        []byte
}

// empty is the body {} of the calls without parameters.
type empty struct{}

func get(path string) request { return request{method: http.MethodGet, path: path} }
func post(path string, body any) request {
	return request{method: http.MethodPost, path: path, body: body}
}

// withoutErrcode marks the request bare.
func (r request) withoutErrcode() request {
	r.bare = true
	return r
}

// build turns the request into an HTTP request that carries the token, if there is one.
func (c *Client) build(ctx context.Context, r request, token string) (*http.Request, error) {
	query := url.Values{}
	for key, values := range r.query {
		query[key] = values
	}
	if token != "" {
		query.Set(cmp.Or(r.tokenName, "access_token"), token)
	}
	target := c.base + r.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	body, kind, err := r.encode()
	if err != nil {
		return nil, err
	}
	hr, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, &InvalidRequestError{Endpoint: r.path, Problem: "the URL cannot be built"}
	}
	if r.method == http.MethodPost {
		hr.Header.Set("Content-Type", kind)
	}
	if r.writes && r.method == http.MethodGet {
		// net/http repeats a GET by itself when a reused connection dies. A body it
		// cannot rewind, though empty, stops that; nothing of it reaches the wire.
		hr.Body = io.NopCloser(strings.NewReader(""))
	}
	return hr, nil
}

// encode returns the body and its content type.
func (r request) encode() (body io.Reader, kind string, err error) {
	if r.method != http.MethodPost {
		return http.NoBody, "", nil
	}
	if r.file != nil {
		text, kind, err := r.file.encode()
		if err != nil {
			return nil, "", &InvalidRequestError{Endpoint: r.path, Problem: err.Error()}
		}
		return bytes.NewReader(text), kind, nil
	}
	given := r.body
	if given == nil {
		given = empty{}
	}
	text, err := encodeJSON(given)
	if err != nil {
		return nil, "", &InvalidRequestError{Endpoint: r.path, Problem: err.Error()}
	}
	return bytes.NewReader(text), "application/json; charset=utf-8", nil
}

func (f *file) encode() (text []byte, kind string, err error) {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	part, err := form.CreateFormFile(f.field, f.name)
	if err == nil {
		_, err = part.Write(f.data)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return nil, "", fmt.Errorf("encode the form: %w", err)
	}
	return buf.Bytes(), form.FormDataContentType(), nil
}

// encodeJSON marshals v as WeChat wants it: UTF-8 text and no \uXXXX escape (47002).
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the body: %w", err)
	}
	return unescape(bytes.TrimSpace(buf.Bytes()))
}
