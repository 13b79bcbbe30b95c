package app

import (
	"strconv"

	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient/callback"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Labels are the label values of the metrics, from the packages that own them.
func Labels() metrics.Labels {
	return metrics.Labels{
		Stages: texts(rollout.Stages()...), States: texts(rollout.States()...), Queues: texts(rollout.QueueNames()...),
		ParkReasons: texts(rollout.Reasons()...),
		Gates:       texts(rollout.DecisionHold, rollout.DecisionFail, rollout.DecisionTrip),
		Decisions:   texts(rollout.DecisionHold, rollout.DecisionPass, rollout.DecisionFail, rollout.DecisionTrip),
		Statuses: texts(
			rollout.StatusLoading, rollout.StatusScheduled, rollout.StatusRunning,
			rollout.StatusPaused, rollout.StatusDone, rollout.StatusAborted,
		),
		Classes: texts(errcode.Classes()...), Endpoints: endpoints, Closings: closings(),
		Faults: texts(rollout.FaultCauses()...),
		Callbacks: texts(
			callback.TypeTicket, callback.TypeAuthorized, callback.TypeUpdateAuthorized, callback.TypeUnauthorized,
			callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay,
		),
		Refusals: callback.Reasons(), Renewals: registry.RenewalResults(),
	}
}

// closings are the reasons that close a pool: the errcodes that throttle the platform, the penalties, and
// an outage.
func closings() []string {
	list := append(classify.Penalties(), errcode.Codes(errcode.ClassThrottlePlatform)...)
	out := []string{classify.ReasonOutage}
	for _, code := range list {
		out = append(out, strconv.FormatInt(code, 10))
	}
	return out
}

func texts[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// endpoints are the calls that a worker makes. Each has a separate rate, and series from the start;
// metrics count the calls of an operator's commands under metrics.Other.
var endpoints = []string{
	"/cgi-bin/component/api_authorizer_token",
	"/cgi-bin/component/api_component_token",
	"/cgi-bin/component/api_create_preauthcode",
	"/cgi-bin/component/api_get_authorizer_info",
	"/cgi-bin/component/api_get_authorizer_list",
	"/cgi-bin/component/api_query_auth",
	"/cgi-bin/component/api_start_push_ticket",
	"/cgi-bin/openapi/quota/get",
	"/wxa/addtotemplate",
	"/wxa/commit",
	"/wxa/deletetemplate",
	"/wxa/get_auditstatus",
	"/wxa/get_category",
	"/wxa/get_latest_auditstatus",
	"/wxa/get_page",
	"/wxa/getgrayreleaseplan",
	"/wxa/gettemplatedraftlist",
	"/wxa/gettemplatelist",
	"/wxa/getversioninfo",
	"/wxa/grayrelease",
	"/wxa/queryquota",
	"/wxa/release",
	"/wxa/revertcoderelease",
	"/wxa/revertgrayrelease",
	"/wxa/security/get_code_privacy_info",
	"/wxa/speedupaudit",
	"/wxa/submit_audit",
	"/wxa/undocodeaudit",
}
