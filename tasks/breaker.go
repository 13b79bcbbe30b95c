package tasks

import (
	"context"
	"sync"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A stage is closed for everyone when one endpoint gave no answer to breakApps distinct apps in a
// row there, or to breakCalls calls of at least two apps: a rollout may have few apps left. One app
// that WeChat is busy for stops no other, and an endpoint that is busy for every third call closes
// a stage once in some hundred calls.
const (
	breakApps  = 6
	breakCalls = 24
)

// streak is what one process saw of an endpoint at a stage since WeChat answered there last.
type streak struct {
	// apps got no answer, and calls of theirs, since then or since the stage was closed.
	apps  map[string]bool
	calls int
}

func (s *streak) broken() bool {
	return len(s.apps) >= breakApps || len(s.apps) > 1 && s.calls >= breakCalls
}

// Breaker finds, in each process, that WeChat answers no app at a stage. It costs nothing while
// WeChat answers. It is safe for concurrent use.
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
	if c.Err == nil || answers(judge(c.Err)) {
		b.answered(c.Endpoint)
	}
}

// answers tells whether an error is WeChat's answer about one app or its call.
func answers(j judged) bool {
	return j.api != nil && j.scope != ScopeStage && j.scope != ScopePlatform
}

// busy notes that an endpoint gave an app no answer, and tells whether it is one too many.
func (b *Breaker) busy(s rollout.Stage, endpoint, app string) (broken bool) {
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

// closed begins a new count, for when the stage is open again.
func (b *Breaker) closed(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range b.stages[s] {
		clear(at.apps)
		at.calls = 0
	}
}

// answered ends the streaks of an endpoint.
func (b *Breaker) answered(endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, endpoints := range b.stages {
		delete(endpoints, endpoint)
	}
}

// passed ends the streaks of a stage: an app got all the answers it needs there.
func (b *Breaker) passed(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.stages, s)
}

// suspects tells whether an endpoint gave no answer at a stage since it gave one last: the next
// app looks at the pool before it calls.
func (b *Breaker) suspects(s rollout.Stage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.stages[s]) > 0
}
