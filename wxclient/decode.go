package wxclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// checker is a reply that knows which of its fields must be there. WeChat reports success
// by leaving errcode out, so an answer without its payload must not pass for one.
type checker interface {
	check() error
}

// envelope is what every reply may carry beside its payload.
type envelope struct {
	Code integer         `json:"errcode"`
	Msg  looseText       `json:"errmsg"`
	Hint json.RawMessage `json:"hint"`
	RID  looseText       `json:"rid"`
}

// decodeReply turns a reply body into out, an *Error, or an *OutcomeUnknownError when it cannot
// be read. out may be nil.
func decodeReply(endpoint string, body []byte, secrets []string, out any) error {
	unreadable := func(err error) error { // encoding/json may quote a number of any length
		return &OutcomeUnknownError{Endpoint: endpoint, Err: errors.New(tidy(err.Error(), secrets, maxMsgRunes))}
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
	if len(text) == 0 {
		return unreadable(errors.New("the reply is empty"))
	}
	if text[0] != '{' {
		return unreadable(fmt.Errorf("the reply is not a JSON object, it starts with %q", tidy(string(text[:min(len(text), 512)]), secrets, maxSnippetRunes)))
	}
	text = escapeControls(text)
	var env envelope
	if err := json.Unmarshal(text, &env); err != nil {
		return unreadable(fmt.Errorf("decode the reply: %w", err))
	}
	if env.Code != 0 {
		answer := env.refusal(endpoint, secrets)
		answer.Refused = refusedIn(text, secrets)
		return answer
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return unreadable(fmt.Errorf("decode the reply: %w", err))
	}
	if reply, ok := out.(refusable); ok {
		reply.setRefused(refusedIn(text, secrets))
	}
	if reply, ok := out.(checker); ok {
		if err := reply.check(); err != nil {
			return unreadable(err)
		}
	}
	return nil
}

// ridPattern finds the request id that WeChat appends to errmsg, or the hint of older replies.
var ridPattern = regexp.MustCompile(`,?\s*(?:rid:\s*([0-9A-Za-z-]+)|hint:\s*\[([^\]]*)\]?)`)

func (e envelope) refusal(endpoint string, secrets []string) *Error {
	msg, rid := string(e.Msg), string(e.RID)
	if found := ridPattern.FindStringSubmatch(msg); found != nil {
		rid = found[1] + found[2]
		msg = strings.Replace(msg, found[0], "", 1)
	}
	if rid == "" && len(e.Hint) > 0 {
		rid = strings.Trim(string(e.Hint), `[]" `)
	}
	code := int64(e.Code)
	return &Error{
		Endpoint: endpoint,
		Code:     code,
		Msg:      tidy(msg, secrets, maxMsgRunes),
		RID:      tidy(rid, secrets, maxSnippetRunes),
		Class:    ClassOf(code),
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

// missing is the error of a reply that lacks a field it must have.
func missing(field string) error {
	return fmt.Errorf("the reply lacks %s", field)
}
