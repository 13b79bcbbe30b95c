package view

import (
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Event is an entry of a target's history.
type Event struct {
	At    time.Time     `json:"at"`
	Stage rollout.Stage `json:"stage"`
	What  string        `json:"what"`
	// Code is the errcode that WeChat sent; 0 if it sent none.
	Code int64  `json:"errcode,omitempty"`
	Note string `json:"note,omitempty"`
}

// Timeline shows a target's history, oldest first.
func Timeline(t rollout.Target) []Event {
	out := make([]Event, len(t.Timeline))
	for i, e := range t.Timeline {
		out[i] = Event(e)
	}
	return out
}
