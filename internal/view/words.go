package view

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// reasonWords say what a parked target waits for.
var reasonWords = map[rollout.Reason]string{
	rollout.ReasonBusy:     "WeChat was busy or unreachable for long; it is tried again",
	rollout.ReasonThrottle: "a limit of WeChat's for this app or this call must pass",
	rollout.ReasonPrivacy:  "WeChat still checks the committed code for privacy apis",
	rollout.ReasonVerdict:  "WeChat's auditors have not decided yet",
	rollout.ReasonDelayed:  "WeChat says that this audit takes longer",
	rollout.ReasonUnknown:  "the reply to a call was lost; what it did is read back",
	rollout.ReasonInAudit:  "a version of the app is in audit",
	rollout.ReasonOwner:    "another rollout works on this app",
	rollout.ReasonMerchant: "the merchant must act",
	rollout.ReasonWindow:   "the plan's release window is closed",
	rollout.ReasonApproval: "an operator must approve the releases",
	rollout.ReasonGray:     "the next step of the gray release is due later",
	rollout.ReasonQuota:    "WeChat refused this app for lack of quota (85085) though the platform has some",
	rollout.ReasonUnlisted: "WeChat gave an errcode our table lacks",
	rollout.ReasonExternal: "something at WeChat must end or agree first; it is tried again a few times",
}

// ReasonWords says what a parked target waits for.
func ReasonWords(r rollout.Reason) string {
	if words, ok := reasonWords[r]; ok {
		return words
	}
	return string(r)
}

// WaitsFor says what a parked target waits for, as far as its last error shows.
func WaitsFor(t rollout.Target) string {
	words := ReasonWords(t.Reason)
	switch {
	case t.LastError == nil:
	case t.LastError.Class == rollout.ClassUnread && slices.Contains([]rollout.Reason{rollout.ReasonBusy, rollout.ReasonExternal, rollout.ReasonUnknown}, t.Reason):
		words = "WeChat answers, and its reply lacks what is needed; it is read again"
	case t.Reason == rollout.ReasonInAudit:
		words = t.LastError.Text
	case t.Reason == rollout.ReasonUnknown && t.LastError.Class == rollout.ClassUnshown:
		words = "WeChat took a call and does not show its effect; it is read back, and made again a few times"
	}
	return words
}

// Next says what a person should do about a target that ended badly or is
// parked; "" for nothing.
func Next(id string, s rollout.State, reason rollout.Reason, last *LastError) string {
	switch s {
	case rollout.StateRejected:
		return fmt.Sprintf("fix what the auditors name, then enqueue retry %s --state rejected; add --recommit with --template or --ext when the code or its ext.json must change", id)
	case rollout.StateFailed:
		return failedNext(id, last)
	case rollout.StateAborted:
		return "apply the plan again with --again to go on with this app"
	case rollout.StateParked:
		return ParkedNext(id, reason, last)
	default:
		return ""
	}
}

// adviceOn is the next step for the errcode of a last error; "" if WeChat sent none.
func adviceOn(last *LastError) string {
	if last == nil {
		return ""
	}
	_, next := advice(last.Code, last.Text)
	return next
}

// advice is what an errcode means and asks for where it was met; text is the error that it came in.
func advice(code int64, text string) (meaning, next string) {
	endpoint := ""
	if found := calledIn.FindStringSubmatch(text); found != nil {
		endpoint = found[1]
	}
	return errcode.AdviceFor(code, endpoint, text)
}

// calledIn finds the endpoint in the text of a *wxclient.Error.
var calledIn = regexp.MustCompile(`\bwechat (/\S+): errcode `)

func failedNext(id string, last *LastError) string {
	class := ""
	if last != nil {
		class = last.Class
	}
	switch class {
	case "plan":
		return fmt.Sprintf("fix the plan or the app's columns, then enqueue retry %s --class plan --recommit --ext FILE", id)
	case rollout.ClassPanic:
		return PanicNext + fmt.Sprintf(", then enqueue retry %s --class %s", id, rollout.ClassPanic)
	case rollout.ClassWithdrawn:
		return fmt.Sprintf("the audit was withdrawn: enqueue retry %s --class withdrawn submits again", id)
	case "pin":
		return fmt.Sprintf("another system submitted this app: find out which, then enqueue retry %s --class pin --recommit", id)
	default:
		return fmt.Sprintf("%s; then enqueue retry %s --state failed", cmp.Or(adviceOn(last), "find and remove the cause"), id)
	}
}

// PausedNext is the step that ends a pause. One by a worker comes back unless its cause is removed.
func PausedNext(r rollout.Rollout) string {
	resume := "enqueue resume " + r.ID
	found := codeIn.FindStringSubmatch(r.Why)
	if r.By != rollout.ByWorker || found == nil {
		return resume
	}
	code, err := strconv.ParseInt(found[1], 10, 64)
	if _, next := advice(code, r.Why); err == nil && next != "" {
		return next + "; then " + resume
	}
	return resume
}

// codeIn finds the errcode in the text of a *wxclient.Error.
var codeIn = regexp.MustCompile(`\bwechat /\S+: errcode (-?\d+) `)

// PanicNext is what to do about a handler that panics.
const PanicNext = `a defect of this program: report the workers' log lines "handler panicked"`

// ParkedNext is what a person should do about a parked target; "" for nothing.
func ParkedNext(id string, reason rollout.Reason, last *LastError) string {
	switch reason {
	case rollout.ReasonMerchant:
		return fmt.Sprintf("%s; it is read again from time to time, at once after enqueue retry %s --state parked --waits-for merchant", cmp.Or(adviceOn(last), "ask the merchant"), id)
	case rollout.ReasonThrottle, rollout.ReasonExternal:
		return adviceOn(last)
	case rollout.ReasonUnlisted:
		return fmt.Sprintf("look the errcode up at WeChat, then enqueue retry %s --state parked --waits-for unlisted", id)
	case rollout.ReasonApproval:
		return "enqueue approve " + id
	case rollout.ReasonInAudit:
		if last != nil && last.Class == rollout.ClassUnread {
			return "find out at mp.weixin.qq.com which version is in audit; wait, or withdraw it there"
		}
		return "wait, or withdraw the other version at mp.weixin.qq.com"
	default:
		return ""
	}
}
