package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// envelope is what every reply may carry beside its payload.
type envelope struct {
	// Code is nil for a reply without an errcode, or with null.
	Code *Integer        `json:"errcode"`
	Msg  LooseText       `json:"errmsg"`
	Hint json.RawMessage `json:"hint"`
	RID  LooseText       `json:"rid"`
}

// answer is one reply being read.
type answer struct {
	Request
	secrets []string
	body    []byte
}

// Decode reads a reply body into out. It returns an *errcode.Error for a reply with an errcode, and an
// *errcode.OutcomeUnknownError for one that does not show what happened. A success needs errcode 0,
// except from the calls that WeChat documents without one (Request.Bare), every field of out with the
// tag need, and what out's Check requires. out may be nil.
func Decode(r Request, body []byte, secrets []string, out any) error {
	a := answer{Request: r, secrets: secrets, body: body}
	text := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
	if len(text) == 0 {
		return a.unknown(errors.New("the reply is empty"))
	}
	if text[0] != '{' {
		return a.unknown(errors.New("the reply is not a JSON object"))
	}
	text = escapeControls(text)
	var env envelope
	if err := json.Unmarshal(text, &env); err != nil {
		if env, ok := salvage(text); ok {
			return a.refusal(env, nil)
		}
		return a.unknown(fmt.Errorf("decode the reply: %w", err))
	}
	switch {
	case env.Code.Value() != 0:
		return a.refusal(env, refusedIn(text, secrets))
	case env.Code == nil && !r.Bare:
		return a.unknown(Missing("errcode"))
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return a.unknown(fmt.Errorf("decode the reply: %w", err))
	}
	if reply, ok := out.(refusable); ok {
		reply.setRefused(refusedIn(text, secrets))
	}
	if field := lacking(reflect.ValueOf(out)); field != "" {
		return a.unknown(Missing(field))
	}
	if reply, ok := out.(Checker); ok {
		if err := reply.Check(); err != nil {
			return a.unknown(err)
		}
	}
	return nil
}

// unknown is the error of a reply that does not show the outcome.
func (a answer) unknown(err error) error {
	// encoding/json may quote a number of any length.
	return &errcode.OutcomeUnknownError{Endpoint: a.path, Err: errors.New(tidy(err.Error(), a.secrets, maxMsgRunes)), Raw: a.raw()}
}

// cutOff is the error of a reply that could not be read to its end. An errcode that arrived counts,
// unless the HTTP status shows that the text is not WeChat's answer.
func (a answer) cutOff(status int, err error) error {
	if status >= 200 && status <= 299 {
		if env, ok := salvage(escapeControls(bytes.TrimSpace(a.body))); ok {
			return a.refusal(env, nil)
		}
	}
	return &errcode.OutcomeUnknownError{Endpoint: a.path, Err: err, Raw: a.raw()}
}

// ridPattern finds the request id that WeChat appends to errmsg, or the hint of older replies.
var ridPattern = regexp.MustCompile(`,?\s*(?:rid:\s*([0-9A-Za-z-]+)|hint:\s*\[([^\]]*)\]?)`)

func (a answer) refusal(env envelope, refused []errcode.RefusedItem) *errcode.Error {
	msg, rid := string(env.Msg), string(env.RID)
	if found := ridPattern.FindStringSubmatch(msg); found != nil {
		rid = found[1] + found[2]
		msg = strings.Replace(msg, found[0], "", 1)
	}
	if rid == "" && len(env.Hint) > 0 {
		rid = strings.Trim(string(env.Hint), `[]" `)
	}
	code := env.Code.Value()
	return &errcode.Error{
		Endpoint: a.path,
		Code:     code,
		Msg:      tidy(msg, a.secrets, maxMsgRunes),
		RID:      tidy(rid, a.secrets, maxSnippetRunes),
		Class:    errcode.ClassOf(code),
		Refused:  refused,
		Raw:      a.raw(),
	}
}

// escapeControls escapes the raw control characters that WeChat leaves inside JSON strings
// (line breaks in reasons and descriptions), which encoding/json refuses.
func escapeControls(text []byte) []byte {
	var out []byte
	inString, last := false, 0
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			inString = !inString
		case b == '\\' && inString:
			i++
		case b < 0x20 && inString:
			out = append(out, text[last:i]...)
			out = fmt.Appendf(out, `\u%04x`, b)
			last = i + 1
		}
	}
	if last == 0 {
		return text
	}
	return append(out, text[last:]...)
}
