package view

import (
	"cmp"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Fault describes a fault of the platform.
func Fault(f ledger.PlatformFault) string {
	return fmt.Sprintf("%s (since %s; nothing is dispatched, and nothing fails)", f.Cause(), f.Since.Format(time.RFC3339))
}

// FaultNext is the step that ends a fault.
func FaultNext(f ledger.PlatformFault) string {
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
		_, step = errcode.AdviceFor(f.Code, f.Endpoint, f.Text)
	}
	return step + "; work goes on automatically within a minute"
}
