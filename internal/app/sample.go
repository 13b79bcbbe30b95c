package app

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// Lines of one kind that are logged in a period; more are counted.
const (
	sampleBurst  = 10
	samplePeriod = time.Second
)

// samples limits the log lines of each kind.
type samples struct {
	mu    sync.Mutex
	kinds map[string]*kind
}

// kind is the state of one kind of line.
type kind struct {
	burst   zerolog.BurstSampler
	dropped int // since the last line that was logged
}

func newSamples() *samples { return &samples{kinds: make(map[string]*kind)} }

// pass reports whether a line may be logged, and how many of its kind were dropped before. The first of a kind
// may always.
func (s *samples) pass(name string) (dropped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[name]
	if k == nil {
		k = &kind{burst: zerolog.BurstSampler{Burst: sampleBurst, Period: samplePeriod}}
		s.kinds[name] = k
	}
	if !k.burst.Sample(zerolog.NoLevel) {
		k.dropped++
		return 0, false
	}
	dropped, k.dropped = k.dropped, 0
	return dropped, true
}

// rest returns how many lines of all kinds were dropped and not reported, and forgets them.
func (s *samples) rest() (dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		dropped += k.dropped
		k.dropped = 0
	}
	return dropped
}

// unsampled are the messages that are sampled by more than the message.
var unsampled = []string{targetEnded, targetsDropped}

// Run implements zerolog.Hook: it samples lines by message, since messages are constant. Debug lines are all
// logged.
func (s *samples) Run(e *zerolog.Event, level zerolog.Level, msg string) {
	if level < zerolog.InfoLevel || slices.Contains(unsampled, msg) {
		return
	}
	dropped, ok := s.pass(level.String() + " " + msg)
	switch {
	case !ok:
		e.Discard()
	case dropped > 0:
		e.Int("dropped", dropped)
	}
}

// The messages about targets.
const (
	targetEnded    = "target ended"
	targetsDropped = "lines of ended targets dropped"
)

// targetLog logs one line for each ended target at level info, sampled by state and errcode, and one for each
// other result of an assignment at level debug.
type targetLog struct {
	log    zerolog.Logger
	ending *samples
}

func newTargetLog(log zerolog.Logger) *targetLog { return &targetLog{log: log, ending: newSamples()} }

func (l *targetLog) note(from rollout.Target, event string, to rollout.Target) {
	if !to.State.Ended() {
		l.fields(l.log.Debug(), to).Str("event", event).Str("from", string(from.Stage)).Msg("target moved")
		return
	}
	last := rollout.LastError{}
	if to.LastError != nil && !to.State.Good() {
		last = *to.LastError
	}
	dropped, ok := l.ending.pass(string(to.State) + " " + last.Class + " " + fmt.Sprint(last.Code))
	if !ok {
		return
	}
	e := l.fields(l.log.Info(), to)
	if last.Class != "" {
		e = e.Str("class", last.Class).Int64("errcode", last.Code)
	}
	if dropped > 0 {
		e = e.Int("dropped", dropped)
	}
	e.Msg(targetEnded)
}

// fields names the target and its place.
func (l *targetLog) fields(e *zerolog.Event, t rollout.Target) *zerolog.Event {
	return e.Str("rollout", t.Rollout).Str("target", t.AppID).Str("stage", string(t.Stage)).Str("state", string(t.State))
}

// flush reports the lines that were dropped and that no later one of their kind reported.
func (l *targetLog) flush() {
	if n := l.ending.rest(); n > 0 {
		l.log.Info().Int("dropped", n).Msg(targetsDropped)
	}
}
