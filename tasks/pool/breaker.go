package pool

import (
	"context"
	"sync"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A stage is closed for everyone when one endpoint gave no answer to BreakApps distinct apps in a
// row there, or to BreakCalls calls of at least two apps: a rollout may have few apps left. One app
// without answers stops no other, and an endpoint that is busy for every third call closes a stage
// once in some hundred calls.
const (
	BreakApps  = 6
	BreakCalls = 24
)

// streak counts the calls of an endpoint at a stage without an answer, and their apps, since the
// last answer or since the stage was closed.
type streak struct {
	apps  map[string]bool
	calls int
}

func (s *streak) broken() bool {
	return len(s.apps) >= BreakApps || len(s.apps) > 1 && s.calls >= BreakCalls
}

// Breaker finds, in each process, that WeChat answers no app at a stage. It makes no calls. It is safe
// for concurrent use.
type Breaker struct {
	mu     sync.Mutex
	stages map[rollout.Stage]map[string]*streak // by endpoint
}

// NewBreaker makes a Breaker.
func NewBreaker() *Breaker {
	return &Breaker{stages: make(map[rollout.Stage]map[string]*streak)}
}

// Saw is a [wxclient.Observer]: any answer ends the streaks of its endpoint.
func (b *Breaker) Saw(_ context.Context, c wxclient.Call) {
	if c.Err == nil || classify.Judge(c.Err).Answers() {
		b.Answered(c.Endpoint)
	}
}

// Busy counts a call of an app without an answer, and reports whether it is one too many.
func (b *Breaker) Busy(s rollout.Stage, endpoint, app string) (broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stages[s] == nil {
		b.stages[s] = make(map[string]*streak)
	}
	at := b.stages[s][endpoint]
	if at == nil {
		at = &streak{apps: make(map[string]bool)}
		b.stages[s][endpoint] = at
	}
	if !at.broken() { // its map is bounded
		at.apps[app] = true
		at.calls++
	}
	return at.broken()
}

// Closed begins a new count, for the time after the stage has opened.
func (b *Breaker) Closed(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range b.stages[s] {
		clear(at.apps)
		at.calls = 0
	}
}

// Answered ends the streaks of an endpoint.
func (b *Breaker) Answered(endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, endpoints := range b.stages {
		delete(endpoints, endpoint)
	}
}

// Passed ends the streaks of a stage: an app got all the answers it needs there.
func (b *Breaker) Passed(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.stages, s)
}

// Suspects reports whether the last call of some endpoint at a stage got no answer: the next app
// reads the pool before it calls.
func (b *Breaker) Suspects(s rollout.Stage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.stages[s]) > 0
}
