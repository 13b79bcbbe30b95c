package operator

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// faultWords are a fault's one cause, and since when.
func faultWords(f ledger.PlatformFault) string {
	return fmt.Sprintf("%s (since %s; nothing is dispatched, and nothing fails)", f.Cause(), f.Since.Format(time.RFC3339))
}

// faultNext is the one step that ends a fault.
func faultNext(f ledger.PlatformFault) string {
	step := map[rollout.FaultCause]string{
		rollout.FaultAddress:    "add " + cmp.Or(f.IP, "this machine's public address") + " to the IP allow-list (白名单IP地址列表) of the platform at open.weixin.qq.com",
		rollout.FaultSecret:     "compare WXROLLOUT_COMPONENT_SECRET with the platform's console",
		rollout.FaultAppID:      "compare WXROLLOUT_COMPONENT_APPID with the platform's console",
		rollout.FaultTicket:     "look that the event URL on the platform's console leads to a worker",
		rollout.FaultToken:      "look for another system that renews this platform's tokens, see docs/token-broker.md",
		rollout.FaultPermission: "look at the platform's permissions and its status at open.weixin.qq.com",
		rollout.FaultNoAnswer:   "look whether this machine reaches WeChat, or the token service if one is set",
	}[f.Kind()]
	if step == "" {
		step = "look the errcode up at WeChat, with its rid"
	}
	return step + "; work goes on by itself within a minute"
}

// checkFault tells of a fault of the platform that stands.
func (o *Operator) checkFault(ctx context.Context) Result {
	const name = "platform"
	f, err := o.ledger.PlatformFault(ctx)
	switch {
	case err != nil:
		return Result{Name: name, Level: LevelFail, Detail: err.Error()}
	case f == nil:
		return Result{Name: name, Level: LevelOK, Detail: "the workers met no fault of the platform"}
	default:
		return Result{Name: name, Level: LevelFail, Detail: faultWords(*f), Hint: faultNext(*f), Credentials: true}
	}
}
