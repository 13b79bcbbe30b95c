package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/wxrollout/wxrollout/internal/neterr"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Call sends r with a token of the source and decodes the answer into out. A refused
// token is reported to the source, and the call goes out once more with the new token;
// a refused call has had no effect, so this repeats nothing.
func (c *Client) Call(ctx context.Context, r Request, out any) error {
	first, err := c.token(ctx, r)
	if err != nil {
		return err
	}
	err = c.exchange(ctx, r, first, out)
	var answer *errcode.Error
	if !errors.As(err, &answer) || answer.Class != errcode.ClassRetryToken {
		return err
	}
	if rerr := c.tokens.Refused(ctx, r.AppID, first); rerr != nil {
		return fmt.Errorf("%w (reporting the refused token: %w)", err, sanitize(rerr, []string{first}))
	}
	second, err := c.token(ctx, r)
	if err != nil {
		return err
	}
	return c.exchange(ctx, r, second, out)
}

func (c *Client) token(ctx context.Context, r Request) (string, error) {
	var token string
	var err error
	if r.AppID == "" {
		token, err = c.tokens.ComponentToken(ctx)
	} else {
		token, err = c.tokens.AuthorizerToken(ctx, r.AppID)
	}
	if err == nil && token == "" {
		err = errors.New("the token source gave an empty token")
	}
	if err != nil {
		return "", &errcode.NotSentError{Endpoint: r.path, Err: &errcode.TokenError{AppID: r.AppID, Err: err}}
	}
	return token, nil
}

// CallApp is Call on behalf of an app.
func (c *Client) CallApp(ctx context.Context, appid string, r Request, out any) error {
	if appid == "" {
		return &errcode.InvalidRequestError{Endpoint: r.path, Problem: "appid is empty"}
	}
	r.AppID = appid
	return c.Call(ctx, r, out)
}

// exchange makes one HTTP exchange and shows it to the observer.
func (c *Client) exchange(ctx context.Context, r Request, token string, out any) error {
	hr, err := c.build(ctx, r, token)
	if err != nil {
		return err
	}
	start := c.now()
	err = c.roundTrip(hr, r, token, out)
	seen := Exchange{Endpoint: r.path, AppID: r.AppID, Err: err, Duration: c.now().Sub(start)}
	var answer *errcode.Error
	if errors.As(err, &answer) {
		seen.Code, seen.Class = answer.Code, answer.Class
	} else if err == nil {
		seen.Class = errcode.ClassOK
	}
	c.observe(ctx, seen)
	return err
}

func (c *Client) roundTrip(hr *http.Request, r Request, token string, out any) error {
	if err := hr.Context().Err(); err != nil {
		return &errcode.NotSentError{Endpoint: r.path, Err: err}
	}
	secrets := append([]string{token}, r.Secrets...)
	var at progress
	resp, err := c.http.Do(hr.WithContext(httptrace.WithClientTrace(hr.Context(), at.trace())))
	if err != nil {
		clean := neterr.Explain(err, sanitize(err, secrets), hr.URL.Host)
		if at.notSent(err) {
			return &errcode.NotSentError{Endpoint: r.path, Err: clean}
		}
		return &errcode.OutcomeUnknownError{Endpoint: r.path, Err: clean}
	}
	body, err := readReply(resp, c.limit(r))
	if err != nil {
		return answer{r, secrets, body}.cutOff(resp.StatusCode, sanitize(err, secrets))
	}
	if r.Picture != nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "image/") && len(body) > 0 {
		*r.Picture = body
		return nil
	}
	return Decode(r, body, secrets, out)
}

func (c *Client) limit(r Request) int64 {
	if r.List {
		return max(c.maxReply, listMaxReply)
	}
	return c.maxReply
}

// readReply reads the whole body through the limit and closes it. With an error it returns what it has.
func readReply(resp *http.Response, limit int64) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // nothing is lost by a failed close of a read body
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		page, _ := io.ReadAll(io.LimitReader(resp.Body, maxRawBytes)) // only shown
		return page, fmt.Errorf("HTTP status %d in place of an answer", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return body, fmt.Errorf("read the reply: %w", err)
	}
	if int64(len(body)) > limit {
		return body, fmt.Errorf("the reply is longer than %d bytes", limit)
	}
	return body, nil
}

// progress notes how far a Request came.
type progress struct {
	asked, connected atomic.Bool
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { p.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { p.connected.Store(true) },
		WroteHeaders: func() { p.connected.Store(true) },
	}
}

// notSent reports whether the request provably never left this host. Once a connection was
// handed out, another goroutine of the transport may still be writing when the call returns, so
// "headers not written yet" proves nothing and only "no connection" does. Without progress events
// only a dial or DNS error proves it.
func (p *progress) notSent(err error) bool {
	if p.connected.Load() {
		return false
	}
	if p.asked.Load() {
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "dial"
	}
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// CallComponent is Call with the component's token, for bodies that hold the component appid.
func (c *Client) CallComponent(ctx context.Context, r Request, out any) error {
	if err := c.needComponent(r.path); err != nil {
		return err
	}
	return c.Call(ctx, r, out)
}

func (c *Client) needComponent(path string) error {
	if c.component == "" {
		return &errcode.InvalidRequestError{Endpoint: path, Problem: "Options.ComponentAppID is empty"}
	}
	return nil
}

// CallWith makes one exchange with a token given by the caller; "" means without.
func (c *Client) CallWith(ctx context.Context, r Request, token string, out any) error {
	if err := c.needComponent(r.path); err != nil {
		return err
	}
	for _, secret := range r.Secrets {
		if secret == "" {
			return &errcode.InvalidRequestError{Endpoint: r.path, Problem: "a secret, ticket or refresh token is empty"}
		}
	}
	return c.exchange(ctx, r, token, out)
}
