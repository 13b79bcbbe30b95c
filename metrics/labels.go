package metrics

import "slices"

// Classes of a WeChat call that got no errcode, beside those of the errcode table.
const (
	// ClassNotSent is a call that certainly did not reach WeChat.
	ClassNotSent = "not-sent"
	// ClassNoAnswer is a call without a readable answer: it may have taken effect.
	ClassNoAnswer = "no-answer"
)

// Other is the label value of everything outside a closed set. Seeing it means
// that this package missed a value that another one has now.
const Other = "other"

// AllEndpoints stands for all endpoints together.
const AllEndpoints = "all"

// Endpoints lists the paths at WeChat that have a label of their own.
func Endpoints() []string { return slices.Clone(endpoints) }

// set is a closed set of label values.
type set []string

// of is v, or Other if the set lacks it.
func (s set) of(v string) string {
	if slices.Contains(s, v) {
		return v
	}
	return Other
}

// The sets restate what the packages that own them say. A test compares them,
// so that this package needs to import none of them.
var (
	stages = set{"preflight", "commit", "check", "submit", "verdict", "release", "undo"}
	states = set{
		"pending", "running", "parked",
		"released", "up-to-date", "skipped", "rejected", "failed", "aborted", "undone",
	}
	parkReasons = set{
		"busy", "throttle", "privacy", "verdict", "delayed", "unknown", "in-audit",
		"owner", "merchant", "window", "approval", "gray", "quota", "unlisted", "external",
	}
	gates      = set{"hold", "fail", "trip"}
	statuses   = set{"loading", "scheduled", "running", "paused", "done", "aborted"}
	queueNames = set{"commit", "audit", "release"}
	verdicts   = set{"passed", "rejected", "withdrawn"}
	dropped    = set{"stale", "lost", "payload", "acting"}
	results    = set{"moved", "idle", "error"}

	// outcomes are the states that each event can lead to, whatever the stage.
	outcomes = map[string]set{
		"advanced":     {"pending", "running"}, // running: the assignment goes on
		"finished":     {"released", "up-to-date", "skipped", "undone"},
		"waited":       {"parked"},
		"stalled":      {"running"},
		"yielded":      {"pending"},
		"gray-stepped": {"parked"},
		"recommitted":  {"pending"},
		"rejected":     {"rejected"},
		"failed":       {"failed"},
		"woken":        {"pending"},
		"retried":      {"pending"},
		"undo":         {"pending", "undone"},
		"aborted":      {"aborted"},
		"skipped":      {"skipped"},
	}

	classes = set{
		"ok", "already-done", "retry-token", "retry-busy", "throttle-app", "throttle-platform",
		"wait-external", "fatal-app", "fatal-rollout", "fatal-config", "unknown",
		ClassNotSent, ClassNoAnswer,
	}
	// endpoints are the calls that a worker makes; each has a series per class from
	// the start. Those of an operator's settings and registrations are "other".
	endpoints = set{
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
	// closingCodes are the errcodes that close a pool: those that throttle the
	// whole platform, and its penalties.
	closingCodes = set{"45009", "45011", "45102", "45104", "48006", "85085", "86008", "86010", "busy"}
	// watchedCodes start at 0, because alerts ask for their increase.
	watchedCodes = set{"-1", "45009", "45011", "85085", "86008", "86010", Other}

	// runResults are what becomes of a schedule's run.
	runResults = set{"began", "missed", "skipped"}

	faults = set{"address", "secret", "appid", "ticket", "token", "permission", "no-answer", Other}

	pushTypes = set{
		"component_verify_ticket", "authorized", "updateauthorized", "unauthorized",
		"weapp_audit_success", "weapp_audit_fail", "weapp_audit_delay", Other,
	}
	refusals = set{
		"too-large", "bad-query", "bad-envelope", "signature", "stale", "replay",
		"decrypt", "foreign", "bad-message", "replay-store", "sink",
	}

	tokens   = set{"component", "app"}
	renewals = set{"ok", "busy", "merchant", "platform"}

	collectors  = set{"targets", "pools", "rates", "workers", "schedules", "credentials", "queues"}
	queueStates = set{"pending", "active", "scheduled", "retry", "archived", "completed"}
)
