package tasks

import (
	"sync"

	"github.com/wxrollout/wxrollout/rollout"
)

// breakAt is how many distinct apps in a row get no answer at a stage before it is closed for
// everyone. One app that WeChat is busy for stops no other, and a WeChat that is busy for every
// third call, which an assignment of five calls hardly survives, closes a stage rarely.
const breakAt = 12

// streak is what one process saw of a stage since WeChat answered there last.
type streak struct {
	// apps got no answer, since then or since the stage was closed.
	apps map[string]bool
	// suspect says that an app got none: the next one looks at the pool before it calls.
	suspect bool
}

// breaker finds, in each process, that WeChat answers no app at a stage. It costs nothing while
// WeChat answers. It is safe for concurrent use.
type breaker struct {
	mu     sync.Mutex
	stages map[rollout.Stage]*streak
}

func (b *breaker) at(s rollout.Stage) *streak {
	if b.stages == nil {
		b.stages = make(map[rollout.Stage]*streak)
	}
	if b.stages[s] == nil {
		b.stages[s] = &streak{apps: make(map[string]bool)}
	}
	return b.stages[s]
}

// busy notes that an app got no answer, and tells whether it is one too many.
func (b *breaker) busy(s rollout.Stage, app string) (broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.at(s)
	at.suspect = true
	if len(at.apps) < breakAt {
		at.apps[app] = true
	}
	return len(at.apps) >= breakAt
}

// closed begins a new count, for when the stage is open again.
func (b *breaker) closed(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.at(s).apps)
}

// answered ends a streak.
func (b *breaker) answered(s rollout.Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.at(s)
	clear(at.apps)
	at.suspect = false
}

// suspects tells whether WeChat gave no answer at a stage since it gave one last.
func (b *breaker) suspects(s rollout.Stage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at(s).suspect
}
