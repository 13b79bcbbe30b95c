package classify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// YieldError gives the assignment back without a call.
type YieldError struct{ Why string }

func (e *YieldError) Error() string { return "assignment given back: " + e.Why }

// PlanError is a fault of the plan that shows at one app.
type PlanError struct{ Err error }

func (e *PlanError) Error() string { return e.Err.Error() }
func (e *PlanError) Unwrap() error { return e.Err }

// LostError is a call of an intent that may or may not have taken effect.
type LostError struct {
	Op  string
	Err error
}

func (e *LostError) Error() string { return fmt.Sprintf("the reply to %s was lost: %v", e.Op, e.Err) }
func (e *LostError) Unwrap() error { return e.Err }

// RefusedWrite is WeChat's refusal of a write, which certainly had no effect.
type RefusedWrite struct{ Err error }

func (e *RefusedWrite) Error() string { return e.Err.Error() }
func (e *RefusedWrite) Unwrap() error { return e.Err }

// OfWrite reports whether an error is the refusal of a write.
func OfWrite(err error) bool { return errors.As(err, new(*RefusedWrite)) }

// SupersededError is a call that was not made because a later rollout has released the app.
type SupersededError struct{ By rollout.Release }

func (e *SupersededError) Error() string { return e.By.Words() }

// OwnerError is a refusal that lasts until the owner of the app or of its site acts.
type OwnerError struct{ Err error }

func (e *OwnerError) Error() string { return e.Err.Error() }
func (e *OwnerError) Unwrap() error { return e.Err }

// DropsError is a release that would drop domains of the plan.
type DropsError struct{ Domains []string }

func (e *DropsError) Error() string {
	return fmt.Sprintf("a release would drop %s, which the platform's list lacks now: add them again (enqueue plan names them), then resume",
		strings.Join(e.Domains, ", "))
}

// credentialError is a token that is missing until a person acts: the merchant of the app it names,
// or the operator of the platform if it names none.
type credentialError interface {
	error
	CredentialOf() (appid string)
}

// tokenServiceError is a token service without a usable answer.
type tokenServiceError interface {
	error
	TokenServiceDown()
}

// Code is the errcode in err; 0 if there is none.
func Code(err error) int64 {
	var api *errcode.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}

// Clip keeps the text of an error short enough for a record.
func Clip(s string) string { return clipTo(s, 300) }

func clipTo(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
