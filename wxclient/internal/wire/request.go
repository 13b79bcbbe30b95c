package wire

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Request is one call before it has a token.
type Request struct {
	method string
	path   string
	// AppID is the app the call acts for, "" for the component.
	AppID string
	Query url.Values
	// body is marshalled for a POST; nil becomes {}, since an empty body gives 44002.
	body any
	// Secrets are the secrets inside the body, to be kept out of every error.
	Secrets []string
	// Writes marks a GET that changes something: the transport must not replay it.
	Writes bool
	// Bare marks the calls whose success WeChat documents without an errcode: those that return
	// credentials or list accounts. The payload of their replies proves success.
	Bare bool
	// List marks an endpoint with long replies.
	List bool
	// TokenName is the query name of the token; empty means access_token.
	TokenName string
	// File is posted as a multipart form in place of a JSON body.
	File *File
	// Picture receives a reply that is a picture; nil for the calls that answer JSON only.
	Picture *[]byte
}

// File is the one part of a multipart form.
type File struct {
	Field, Name string
	Data        []byte
}

// Empty is the body {} of the calls without parameters.
type Empty struct{}

// Get returns a GET request.
func Get(path string) Request { return Request{method: http.MethodGet, path: path} }

// Post returns a POST request; body is marshaled as JSON.
func Post(path string, body any) Request {
	return Request{method: http.MethodPost, path: path, body: body}
}

// WithoutErrcode marks the request bare.
func (r Request) WithoutErrcode() Request {
	r.Bare = true
	return r
}

// build turns the request into an HTTP request that carries the token, if there is one.
func (c *Client) build(ctx context.Context, r Request, token string) (*http.Request, error) {
	query := url.Values{}
	for key, values := range r.Query {
		query[key] = values
	}
	if token != "" {
		query.Set(cmp.Or(r.TokenName, "access_token"), token)
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
		return nil, &errcode.InvalidRequestError{Endpoint: r.path, Problem: "the URL cannot be built"}
	}
	if r.method == http.MethodPost {
		hr.Header.Set("Content-Type", kind)
	}
	if r.Writes && r.method == http.MethodGet {
		// net/http repeats a GET when a reused connection dies. A body it
		// cannot rewind, though empty, stops that; nothing of it reaches the wire.
		hr.Body = io.NopCloser(strings.NewReader(""))
	}
	return hr, nil
}

// encode returns the body and its content type.
func (r Request) encode() (body io.Reader, kind string, err error) {
	if r.method != http.MethodPost {
		return http.NoBody, "", nil
	}
	if r.File != nil {
		text, kind, err := r.File.encode()
		if err != nil {
			return nil, "", &errcode.InvalidRequestError{Endpoint: r.path, Problem: err.Error()}
		}
		return bytes.NewReader(text), kind, nil
	}
	given := r.body
	if given == nil {
		given = Empty{}
	}
	text, err := encodeJSON(given)
	if err != nil {
		return nil, "", &errcode.InvalidRequestError{Endpoint: r.path, Problem: err.Error()}
	}
	return bytes.NewReader(text), "application/json; charset=utf-8", nil
}

func (f *File) encode() (text []byte, kind string, err error) {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	part, err := form.CreateFormFile(f.Field, f.Name)
	if err == nil {
		_, err = part.Write(f.Data)
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
	return Unescape(bytes.TrimSpace(buf.Bytes()))
}

// OneLine joins the faults of a request, so that the caller learns of all at once.
func OneLine(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	texts := make([]string, 0, len(faults))
	for _, fault := range faults {
		texts = append(texts, fault.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}
