package operator

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// Format is a report's form.
type Format string

// The forms of a report.
const (
	// FormatCSV is one line per target, for a spreadsheet.
	FormatCSV Format = "csv"
	// FormatJSON is one object: summary, actions and all targets.
	FormatJSON Format = "json"
	// FormatMarkdown is for people: the numbers, the causes and the targets to look at.
	FormatMarkdown Format = "markdown"
)

// Report is what a report says besides its targets.
type Report struct {
	At      time.Time    `json:"at"`
	Summary view.Summary `json:"summary"`
	// Events is the record of the rollout.
	Events []view.Event `json:"events"`
	// Quota is known when all targets are written.
	Quota view.Spent `json:"-"`
}

// Report writes what became of a rollout's targets, a page at a time and in no
// order, and returns the rest of it. Targets that move meanwhile are shown as
// they were before or after. Targets that can't be read are left out, and are a partial error, see
// Partial.
func (o *Operator) Report(ctx context.Context, id string, w io.Writer, format Format) (Report, error) {
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return Report{}, err
	}
	report := Report{At: o.d.Now(), Summary: view.Summarize(r)}
	if report.Events, err = o.Events(ctx, id); err != nil {
		return report, err
	}
	buffered := bufio.NewWriter(w)
	targets := func(write func(rollout.Target) error) (broken, err error) {
		return o.each(ctx, r, view.Filter{}, func(t rollout.Target) error {
			report.Quota.Add(t)
			return write(t)
		})
	}
	var broken error
	switch format {
	case FormatCSV:
		broken, err = writeCSV(buffered, r, targets)
	case FormatJSON:
		broken, err = writeJSON(buffered, r, &report, targets)
	case FormatMarkdown:
		broken, err = writeMarkdown(buffered, r, &report, targets)
	default:
		err = fmt.Errorf("report: no format is called %q", format)
	}
	if err == nil {
		err = buffered.Flush()
	}
	return report, cmp.Or(err, broken)
}

// walk calls its argument with every target; see Operator.each.
type walk = func(func(rollout.Target) error) (broken, err error)

// gateText describes the state of a wave's gate.
func gateText(w view.WaveSummary) string {
	if w.Gate == "" {
		return ""
	}
	text := string(w.Gate)
	if w.GateWhy != "" {
		text += ": " + w.GateWhy
	}
	if w.GateNumbers != nil && !w.GateAt.IsZero() {
		text += "; decided at " + human.Stamp(w.GateAt) + " on " + view.GateNumbersText(*w.GateNumbers)
	}
	if was := w.GateOverruled; was != nil {
		text += fmt.Sprintf("; it was %s", cmp.Or(was.Decision, rollout.DecisionHold))
		if was.Numbers.Size > 0 {
			text += fmt.Sprintf(" at %s on %s", human.Stamp(was.At), view.GateNumbersText(was.Numbers))
		}
	}
	return text
}

// templateText names a template.
func templateText(t rollout.Template) string {
	text := fmt.Sprintf("%d, version %s", t.ID, t.Version)
	if t.Desc != "" {
		text += " (" + t.Desc + ")"
	}
	return text
}
