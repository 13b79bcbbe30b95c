package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// provocations show deliberate bugs. They are no faults: calls that are merely
// slow, a second plan for the same apps, another tool that submits.
func provocations() []fault {
	return []fault{
		{name: "slow-calls", about: "calls take long", times: 30, setup: fewHandlers, inject: slowAll},
		{name: "foreign-submission", about: "another tool submits an app whose audit just passed", times: 8, setup: lookLate, inject: foreign},
		{name: "crash-in-long-calls", about: "redis-crash while calls take many seconds", times: 4, setup: longCalls, inject: redisCrash},
		{name: "two-rollouts", about: "two plans of the same apps", begin: twoRollouts},
	}
}

// slowCalls makes the next n calls take most of their time limit at WeChat, so
// that a second call on the same app is seen to overlap.
func (r *rig) slowCalls(ctx context.Context, n int) error {
	body := fmt.Sprintf(`{"endpoint":"*","kind":"slow","delay":%q,"count":%d}`, r.call*3/4, n)
	code, err := proctest.Ask(ctx, "POST", r.sim+"/_sim/faults", body, nil)
	if err == nil && code != 200 {
		err = fmt.Errorf("make calls slow: status %d", code)
	}
	return err
}

func slowAll(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	err := r.slowCalls(ctx, 40)
	wait(ctx, between(rnd, 500*time.Millisecond, time.Second))
	return 1, err
}

// lookLate leaves time between a verdict and our look at it.
func lookLate(_ *testing.T, o *options) { o.env = append(o.env, "WXROLLOUT_VERDICT_POLL=6s") }

// fewHandlers makes assignments wait in the queue until their leases run out.
func fewHandlers(_ *testing.T, o *options) {
	o.env = append(o.env, "WXROLLOUT_COMMIT_CONCURRENCY=2", "WXROLLOUT_AUDIT_CONCURRENCY=2", "WXROLLOUT_RELEASE_CONCURRENCY=2")
}

// longCalls leaves even a busy machine the time to begin a second call while the
// first is under way.
func longCalls(_ *testing.T, o *options) { o.call = 8 * time.Second }

// foreign submits something else after an audit of ours has passed.
func foreign(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	submitted := make(chan *call, 1)
	n := r.spoil(ctx, newRule([]string{pathSubmit}, rnd.IntN(4), 1, func(w *wechat, c *call) {
		header, answer, status := w.forward(c.r.Context(), c)
		reply(c, header, answer, status)
		submitted <- c
	}))
	if n == 0 {
		return 0, nil
	}
	var c *call
	select {
	case c = <-submitted:
	case <-time.After(r.call): // its reply was lost
		return 0, nil
	}
	// Busy replies are tried again: a commit whose submission is given up would leave another trial
	// version beside our audit, which the records call an unpinned release.
	post := func(path, body string) error {
		var answer struct {
			Code int    `json:"errcode"`
			Msg  string `json:"errmsg"`
		}
		for range 20 {
			_, err := proctest.Ask(ctx, "POST", r.sim+path+"?"+c.r.URL.RawQuery, body, &answer)
			if err != nil {
				return err
			}
			if answer.Code != -1 || !wait(ctx, 100*time.Millisecond) {
				break
			}
		}
		if answer.Code != 0 {
			return fmt.Errorf("%s: %d %s", path, answer.Code, answer.Msg)
		}
		return nil
	}
	wait(ctx, 2*time.Second) // the audit takes a second at most, our look at it comes after six
	err := post(pathCommit, `{"template_id":1,"ext_json":"{}","user_version":"9.9.9","user_desc":"another tool"}`)
	if err != nil {
		r.note("another tool: %v", err)
		return 0, nil
	}
	wait(ctx, 500*time.Millisecond)
	// Its audit still runs when ours would be released.
	if err := r.auditsTake(ctx, "1m"); err != nil {
		return 0, err
	}
	err = post(pathSubmit, string(c.body))
	if back := r.auditsTake(ctx, r.audit); back != nil {
		return 0, back
	}
	if err != nil {
		r.note("another tool: %v", err)
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign++
	return 1, nil
}

// auditsTake changes how long audits to come take.
func (r *rig) auditsTake(ctx context.Context, span string) error {
	code, err := proctest.Ask(ctx, "POST", r.sim+"/_sim/audit-delay", fmt.Sprintf(`{"range":%q}`, span), nil)
	if err == nil && code != 200 {
		err = fmt.Errorf("change how long audits take: status %d", code)
	}
	return err
}

// twoRollouts applies another plan for the same apps.
func twoRollouts(_ context.Context, r *rig, _ *rand.Rand) int {
	r.writePlan("autumn", "4.0.0")
	r.apply("autumn", 1)
	return 1
}
