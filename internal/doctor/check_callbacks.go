package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Refused are the callbacks that workers refused for one reason.
type Refused struct {
	// Reason is the callback handler's word, and Fix what to do about it.
	Reason, Fix string
	Count       int64
	// Ago is the time since the last one, which arrived at Path.
	Ago  time.Duration
	Path string
}

func (r Refused) String() string {
	were := "were"
	if r.Count == 1 {
		were = "was"
	}
	return fmt.Sprintf("%s came and %s refused: %s (the last one %s ago at %s)", human.Plural(r.Count, "callback"), were, r.Reason, human.Duration(r.Ago), r.Path)
}

// refusedShown is how long refused callbacks are a warning.
const refusedShown = 24 * time.Hour

// checkCallbacks reports callbacks that workers refused lately; nothing without any.
func (d *Doctor) checkCallbacks(ctx context.Context) []Result {
	const name = "callbacks"
	recent, err := d.refusedLately(ctx)
	if err != nil {
		return []Result{fail(name, err.Error(), "")}
	}
	var out []Result
	for _, r := range recent {
		out = append(out, warn(name, r.String(), r.Fix))
	}
	return out
}

func (d *Doctor) refusedLately(ctx context.Context) ([]Refused, error) {
	if d.Refused == nil {
		return nil, nil
	}
	all, err := d.Refused(ctx)
	var recent []Refused
	for _, r := range all {
		if r.Ago < refusedShown {
			recent = append(recent, r)
		}
	}
	return recent, err
}

// instead explains a missing ticket by refused callbacks; "" if there are none.
func (d *Doctor) instead(ctx context.Context) (detail, fix string) {
	recent, err := d.refusedLately(ctx)
	if err != nil || len(recent) == 0 {
		return "", ""
	}
	texts := make([]string, len(recent))
	for i, r := range recent {
		texts[i] = r.String()
	}
	return "; " + strings.Join(texts, "; "), recent[0].Fix
}
