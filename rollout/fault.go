package rollout

import (
	"fmt"
	"strings"
	"time"
)

// PlatformFault is a fault that stops calls for every app: the platform's credentials, its IP
// allow-list or its token service. During a fault no assignments are made, no target fails, and no
// app is blamed.
type PlatformFault struct {
	// Code is WeChat's errcode; 0 if there was no answer.
	Code int64 `json:"code"`
	// Text is the error as met, with WeChat's own words.
	Text string `json:"text"`
	// Endpoint is the path of the credential call; "" if it is not known.
	Endpoint string `json:"endpoint,omitempty"`
	// IP is the address that WeChat saw us call from, if it named one.
	IP string `json:"ip,omitempty"`
	// RID is WeChat's request id.
	RID string `json:"rid,omitempty"`
	// Apps are the first few that met it: the probe uses them.
	Apps []string `json:"apps,omitempty"`
	// Confirm: the reply may concern these apps alone, so the probe uses another one.
	Confirm bool `json:"confirm,omitempty"`
	// Since is when it began, LastSeen when it was last met, and ProbeAt when the leader tries
	// again, all by the store's clock.
	Since    time.Time `json:"since"`
	LastSeen time.Time `json:"last_seen"`
	ProbeAt  time.Time `json:"probe_at"`
	// Probes counts the failed probes.
	Probes int `json:"probes"`
}

// Cause is the fault on one line, as it is shown everywhere.
func (f PlatformFault) Cause() string {
	text := f.Text
	if f.IP != "" {
		text = fmt.Sprintf("WeChat refuses calls from %s: %s", f.IP, text)
	}
	return "the platform can't call WeChat for any app: " + text
}

// FaultCause is a kind of platform fault. It is a closed set.
type FaultCause string

// The kinds.
const (
	FaultAddress    FaultCause = "address"    // our address is missing from the allow-list
	FaultSecret     FaultCause = "secret"     // the component's secret is refused
	FaultAppID      FaultCause = "appid"      // the component's appid is refused
	FaultTicket     FaultCause = "ticket"     // no verify ticket that WeChat takes
	FaultToken      FaultCause = "token"      // a renewed component token is refused
	FaultPermission FaultCause = "permission" // the platform lacks a right
	FaultNoAnswer   FaultCause = "no-answer"  // WeChat or the token service is out of reach
	FaultOther      FaultCause = "other"
)

// FaultCauses lists every kind.
func FaultCauses() []FaultCause {
	return []FaultCause{FaultAddress, FaultSecret, FaultAppID, FaultTicket, FaultToken, FaultPermission, FaultNoAnswer, FaultOther}
}

// faultCodes are the errcodes of the kinds.
var faultCodes = map[int64]FaultCause{
	40090: FaultAddress, 40164: FaultAddress, 45035: FaultAddress, 61004: FaultAddress,
	40125: FaultSecret, 41004: FaultSecret, 40094: FaultSecret,
	40013: FaultAppID, 61011: FaultAppID, 41018: FaultAppID,
	40091: FaultTicket, 61005: FaultTicket, 61006: FaultTicket, 41020: FaultTicket,
	40001: FaultToken, 40014: FaultToken, 42001: FaultToken, 42006: FaultToken, 41021: FaultToken, 48012: FaultToken, 61024: FaultToken,
	48001: FaultPermission, 50001: FaultPermission, 61000: FaultPermission, 61001: FaultPermission, 61028: FaultPermission, 61029: FaultPermission,
	-1: FaultNoAnswer, 0: FaultNoAnswer,
}

// Kind is the fault's kind. 40001 of the component token itself is a wrong secret.
func (f PlatformFault) Kind() FaultCause {
	switch {
	case f.Code == 40001 && f.Endpoint == "/cgi-bin/component/api_component_token":
		return FaultSecret
	case f.Code == 0 && f.Endpoint == "" && strings.Contains(f.Text, "ticket"):
		return FaultTicket // no ticket has come yet, so there was no call
	}
	if k, ok := faultCodes[f.Code]; ok {
		return k
	}
	return FaultOther
}

// FaultReport is the result of reporting a fault.
type FaultReport string

// The results.
const (
	// FaultBegan: this report is the first one.
	FaultBegan FaultReport = "began"
	// FaultStands: it was reported before.
	FaultStands FaultReport = "stands"
	// FaultAlone: the same call works for another app and fails for this one, so the fault is this
	// app's.
	FaultAlone FaultReport = "alone"
)

// PlatformFaultError reports that no assignments are made during a fault of the platform.
type PlatformFaultError struct{}

func (e *PlatformFaultError) Error() string {
	return "fault of the platform: no assignments until the leader's probe succeeds"
}
