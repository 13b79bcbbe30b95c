package errcode

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an answer of WeChat with an errcode other than 0: the call arrived and was refused.
type Error struct {
	// Endpoint is the path of the call, like "/wxa/commit".
	Endpoint string
	// Code is WeChat's errcode.
	Code int64
	// Msg is WeChat's errmsg without the request id, stripped of tokens, at most 300 runes.
	Msg string
	// RID is the request id WeChat's support asks for (or the hint of older answers); may be empty.
	RID string
	// Class is the reaction the code asks for.
	Class Class
	// Refused are the entries of a change that the reply names as not taken, in the order of the lists'
	// names; at most 200, nil if it names none.
	Refused []RefusedItem
	// Raw is the reply as it came, on one line, without secrets, at most 300 runes.
	Raw string
}

// Error renders everything known about the refusal on one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wechat %s: errcode %d (%s", e.Endpoint, e.Code, e.Class)
	if text, known := Describe(e.Code); known {
		b.WriteString(": " + text)
	}
	b.WriteString(")")
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if len(e.Refused) > 0 {
		b.WriteString(" (refused: " + RefusedText(e.Refused) + ")")
	}
	if e.RID != "" {
		b.WriteString(" rid=" + e.RID)
	}
	return b.String()
}

// OutcomeUnknownError means that the request may have been received, but its answer was
// lost or unclear: a timeout, a reset, a status outside 2xx, HTML, an empty body, no errcode, a
// field that must be there and is not. Before repeating a call that changes state, read back.
// Reads return it too; they are harmless to repeat.
type OutcomeUnknownError struct {
	// Endpoint is the path of the call.
	Endpoint string
	// Err is the cause, without URL and tokens.
	Err error
	// Raw is the reply as it came, on one line, without secrets, at most 300 runes; "" if none came.
	Raw string
}

// Error renders the endpoint, the cause and the raw reply.
func (e *OutcomeUnknownError) Error() string {
	text := fmt.Sprintf("wechat %s: outcome unknown, read back before repeating: %v", e.Endpoint, e.Err)
	if e.Raw != "" {
		text += ": the reply was " + e.Raw
	}
	return text
}

// Unwrap returns the cause.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// NotSentError means that WeChat has certainly not received the request: no token could
// be had, no connection was made, or the context ended first. Repeating is safe.
type NotSentError struct {
	// Endpoint is the path of the call.
	Endpoint string
	// Err is the cause, without URL and tokens.
	Err error
}

// Error renders the endpoint and the cause.
func (e *NotSentError) Error() string {
	return fmt.Sprintf("wechat %s: not sent: %v", e.Endpoint, e.Err)
}

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// TokenError means that the token source gave no token for a call. Its cause belongs to the
// credentials, and not to the endpoint that needed the token: an [*Error] in it is the answer to a
// credential call.
type TokenError struct {
	// AppID is the app whose token was needed; "" means the component's token.
	AppID string
	// Err is the token source's error.
	Err error
}

// Error renders the cause.
func (e *TokenError) Error() string { return "get a token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// InvalidRequestError means that this package refused the request because WeChat is known
// to refuse it, or because it would be ambiguous. Repeating it unchanged is pointless.
type InvalidRequestError struct {
	// Endpoint is the path of the call.
	Endpoint string
	// Problem names the field and what is wrong with it.
	Problem string
}

// Error renders the endpoint and the problem.
func (e *InvalidRequestError) Error() string {
	return fmt.Sprintf("wechat %s: request refused before sending: %s", e.Endpoint, e.Problem)
}

// Codes that WeChat answers while an earlier operation on the app still runs. It may be
// the very operation we think we repeat, so its outcome must be read back first.
const (
	codeOperationRuns  = 9402202
	codeOperationRuns2 = 9402205
)

// IsOutcomeUnknown reports whether the call behind err may have taken effect although it
// returned an error: an [*OutcomeUnknownError], or an [*Error] that says an earlier operation
// still runs (9402202, 9402205). It is false for every [*NotSentError].
func IsOutcomeUnknown(err error) bool {
	var notSent *NotSentError
	if errors.As(err, &notSent) {
		return false
	}
	var unknown *OutcomeUnknownError
	if errors.As(err, &unknown) {
		return true
	}
	var answer *Error
	return errors.As(err, &answer) && (answer.Code == codeOperationRuns || answer.Code == codeOperationRuns2)
}
