package view

import (
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Entry is an entry of a target's history.
type Entry struct {
	At    time.Time     `json:"at"`
	Stage rollout.Stage `json:"stage"`
	What  string        `json:"what"`
	// Code is the errcode that WeChat sent; 0 if it sent none.
	Code int64  `json:"errcode,omitempty"`
	Note string `json:"note,omitempty"`
}

// Timeline shows a target's history, oldest first.
func Timeline(t rollout.Target) []Entry {
	out := make([]Entry, len(t.Timeline))
	for i, e := range t.Timeline {
		out[i] = Entry(e)
	}
	return out
}
