package operator

import (
	"context"
	"iter"
	"time"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
)

// EventsMax is how many events a rollout keeps: the newest.
const EventsMax = ledger.ActionsMax

// Events returns the record of a rollout, oldest first.
func (o *Operator) Events(ctx context.Context, id string) ([]view.Event, error) {
	if _, err := o.d.Ledger.Rollout(ctx, id); err != nil {
		return nil, err
	}
	actions, err := o.d.Ledger.Actions(ctx, id)
	return view.Events(actions), err
}

// FollowEvents reads the record at once, and again each time every has passed, until the rollout has
// ended or ctx has. It yields the new events of each reading, or the error of one that failed; the
// next may succeed.
func (o *Operator) FollowEvents(ctx context.Context, id string, every time.Duration) iter.Seq2[[]view.Event, error] {
	return func(yield func([]view.Event, error) bool) {
		var last []view.Event
		for range ticks(ctx, every) {
			r, err := o.d.Ledger.Rollout(ctx, id) // first: an event before its end is in the record
			var all []view.Event
			if err == nil {
				all, err = o.Events(ctx, id)
			}
			if ctx.Err() != nil || !yield(newer(last, all), err) || err == nil && r.Status.Ended() {
				return
			}
			if err == nil {
				last = all
			}
		}
	}
}

// newer returns the events of all that follow the last one of last: the record drops its oldest.
func newer(last, all []view.Event) []view.Event {
	if len(last) == 0 {
		return all
	}
	end := last[len(last)-1]
	for i := len(all) - 1; i >= 0; i-- {
		e := all[i]
		if e.At.Equal(end.At) && e.Verb == end.Verb && e.By == end.By && e.Reason == end.Reason && e.To == end.To {
			return all[i+1:]
		}
	}
	return all
}

// ticks yields at once and then each time every has passed, until ctx ends.
func ticks(ctx context.Context, every time.Duration) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for yield(struct{}{}) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}
