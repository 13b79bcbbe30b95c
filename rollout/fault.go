package rollout

import (
	"fmt"
	"time"
)

// PlatformFault is a fault that lets nothing work for any app: the platform's credentials, its IP
// allow-list or its token service. While it stands no assignments are given, nothing fails and
// nothing is blamed.
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
	// Apps met it first, a few at most: the probe asks for them.
	Apps []string `json:"apps,omitempty"`
	// Confirm says that the answer may be about these apps alone: the probe asks for another one.
	Confirm bool `json:"confirm,omitempty"`
	// Since is when it began, LastSeen when it was met last, ProbeAt when the leader tries again;
	// all by the store's clock.
	Since    time.Time `json:"since"`
	LastSeen time.Time `json:"last_seen"`
	ProbeAt  time.Time `json:"probe_at"`
	// Probes counts the failed probes.
	Probes int `json:"probes"`
}

// Cause is the fault on one line: the one cause that is shown everywhere.
func (f PlatformFault) Cause() string {
	text := f.Text
	if f.IP != "" {
		text = fmt.Sprintf("WeChat refuses calls from %s: %s", f.IP, text)
	}
	return "the platform can't call WeChat for any app: " + text
}

// FaultNews is what became of a reported fault.
type FaultNews string

// The news.
const (
	// FaultBegan: this report is the first one.
	FaultBegan FaultNews = "began"
	// FaultStands: it was reported before.
	FaultStands FaultNews = "stands"
	// FaultAlone: the same call was proven to work for another app, and to fail for this one: it is
	// this app's fault.
	FaultAlone FaultNews = "alone"
)

// PlatformFaultError says that no assignments are given because a platform fault stands.
type PlatformFaultError struct{}

func (e *PlatformFaultError) Error() string {
	return "a fault of the platform stands: no assignments until the leader's probe succeeds"
}
