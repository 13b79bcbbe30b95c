package wxclient

import "github.com/wxrollout/wxrollout/wxclient/errcode"

// The errors of a call; see the package comment for which means what.
type (
	// Error is a reply with an errcode other than 0.
	Error = errcode.Error
	// OutcomeUnknownError means that the request may have been received.
	OutcomeUnknownError = errcode.OutcomeUnknownError
	// NotSentError means that WeChat did not receive the request.
	NotSentError = errcode.NotSentError
	// TokenError is the cause of a NotSentError when the source returned no token.
	TokenError = errcode.TokenError
	// InvalidRequestError means that this package refused the request.
	InvalidRequestError = errcode.InvalidRequestError
	// RefusedItem is an entry of a change that WeChat refused.
	RefusedItem = errcode.RefusedItem
	// Class says how a caller should treat an errcode.
	Class = errcode.Class
)

// The classes; see package errcode for the reaction that each asks for.
const (
	ClassOK               = errcode.ClassOK
	ClassAlreadyDone      = errcode.ClassAlreadyDone
	ClassRetryToken       = errcode.ClassRetryToken
	ClassRetryBusy        = errcode.ClassRetryBusy
	ClassThrottleApp      = errcode.ClassThrottleApp
	ClassThrottlePlatform = errcode.ClassThrottlePlatform
	ClassWaitExternal     = errcode.ClassWaitExternal
	ClassFatalApp         = errcode.ClassFatalApp
	ClassFatalRollout     = errcode.ClassFatalRollout
	ClassFatalConfig      = errcode.ClassFatalConfig
	ClassUnknown          = errcode.ClassUnknown
)

// ClassOf returns the class of an errcode, [ClassUnknown] if the table lacks it.
func ClassOf(code int64) Class { return errcode.ClassOf(code) }

// IsOutcomeUnknown reports whether the call behind err may have taken effect although it returned an
// error: read back before repeating it.
func IsOutcomeUnknown(err error) bool { return errcode.IsOutcomeUnknown(err) }
