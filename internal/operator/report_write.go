package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// csvHead are the columns of a CSV report.
var csvHead = []string{
	"appid", "label", "wave", "stage", "state", "reason", "class", "errcode", "rid", "text",
	"audit_id", "attempts", "submitted", "ended", "screenshots", "submissions",
}

func writeCSV(w io.Writer, r rollout.Rollout, targets walk) (broken, err error) {
	out := human.NewCSV(w)
	if err := out.Write(csvHead); err != nil {
		return nil, err
	}
	broken, err = targets(func(t rollout.Target) error { return out.Write(CSVLine(view.RowOf(r, t))) })
	return broken, cmp.Or(err, out.Flush())
}

// CSVHead names the columns of a target in CSV.
func CSVHead() []string { return slices.Clone(csvHead) }

// CSVLine is a target in the columns of CSVHead.
func CSVLine(row view.Row) []string {
	t := view.LastError{}
	if row.LastError != nil {
		t = *row.LastError
	}
	return []string{
		row.AppID, row.Label, row.Wave, string(row.Stage), string(row.State), string(row.Reason),
		t.Class, human.Number(t.Code), t.RID, t.Text,
		human.Number(row.AuditID), strconv.Itoa(row.Attempt), human.Stamp(row.Submitted), human.Stamp(row.Ended), t.Screenshots,
		strconv.Itoa(row.Submissions),
	}
}

func writeJSON(w io.Writer, r rollout.Rollout, report *Report, targets walk) (broken, err error) {
	head, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return nil, err
	}
	// The targets follow the report's own fields, one per line; the quota comes last.
	if _, err := fmt.Fprintf(w, "%s,\n  \"targets\": [", strings.TrimSuffix(string(human.EscapeJSON(head)), "\n}")); err != nil {
		return nil, err
	}
	comma := "\n    "
	broken, err = targets(func(t rollout.Target) error {
		line, err := json.Marshal(view.RowOf(r, t))
		if err == nil {
			_, err = fmt.Fprintf(w, "%s%s", comma, human.EscapeJSON(line))
		}
		comma = ",\n    "
		return err
	})
	if err != nil {
		return broken, err
	}
	quota, err := json.Marshal(report.Quota)
	if err == nil {
		_, err = fmt.Fprintf(w, "\n  ],\n  \"quota\": %s\n}\n", quota)
	}
	return broken, err
}

// listedMax bounds the targets that a Markdown report lists.
const listedMax = 1000

func writeMarkdown(w io.Writer, of rollout.Rollout, r *Report, targets walk) (broken, err error) {
	var rows []view.Row
	broken, err = targets(func(t rollout.Target) error {
		if view.NeedsPerson(t) {
			rows = append(rows, view.RowOf(of, t))
		}
		return nil
	})
	if err != nil {
		return broken, err
	}
	slices.SortFunc(rows, view.CompareRows)
	var b strings.Builder
	s := r.Summary
	fmt.Fprintf(&b, "# Rollout %s\n\n", s.ID)
	fmt.Fprintf(&b, "- status: %s", s.Status)
	if s.Why != "" {
		fmt.Fprintf(&b, ", by %s: %s", human.MarkdownText(s.By), human.MarkdownText(s.Why))
	}
	fmt.Fprintf(&b, "\n- template: %s\n", human.MarkdownText(templateText(s.Template)))
	fmt.Fprintf(&b, "- targets: %d, %d ended: %d good, %d rejected or failed\n", s.Total, s.Done, s.Good, s.Bad)
	fmt.Fprintf(&b, "- created %s", human.Stamp(s.Created))
	if !s.Started.IsZero() {
		fmt.Fprintf(&b, ", started %s", human.Stamp(s.Started))
	}
	if !s.Ended.IsZero() {
		fmt.Fprintf(&b, ", ended %s", human.Stamp(s.Ended))
	}
	fmt.Fprintf(&b, "\n- release: %s\n- report of %s\n", releaseText(of.Plan.Release), human.Stamp(r.At))
	markdownStates(&b, s)
	markdownQuota(&b, r.Quota)
	markdownFailures(&b, view.FailuresOf(of.ID, rows))
	markdownEvents(&b, r.Events)
	_, err = io.WriteString(w, b.String())
	return broken, err
}

func markdownQuota(b *strings.Builder, q view.Spent) {
	if q.Submissions == 0 {
		return
	}
	var rows [][]string
	for _, part := range []struct {
		result string
		n      int
	}{
		{"approved", q.Approved}, {"rejected", q.Rejected}, {"withdrawn", q.Withdrawn}, {"in audit", q.InAudit},
		{"none: the target failed or was aborted in audit", q.NoResult}, {"all", q.Submissions},
	} {
		if part.n > 0 {
			rows = append(rows, []string{part.result, strconv.Itoa(part.n)})
		}
	}
	section(b, "Quota spent", []string{"result", "submissions"}, rows)
}

func releaseText(p rollout.ReleasePolicy) string {
	text := string(p.When)
	if p.Window != nil {
		text += ", " + p.Window.String()
	}
	if len(p.Gray) > 0 {
		text += fmt.Sprintf(", gray %v each %s", p.Gray, p.Every)
	}
	return text
}

func markdownEvents(b *strings.Builder, events []view.Event) {
	if len(events) == 0 {
		return
	}
	rows := make([][]string, len(events))
	for i, e := range events {
		rows[i] = []string{human.Stamp(e.At), e.By, e.Verb, e.Change(), e.Reason}
	}
	section(b, "Events", []string{"time", "by", "verb", "change", "reason"}, rows)
}

// section writes a heading and a table.
func section(b *strings.Builder, title string, head []string, rows [][]string) {
	fmt.Fprintf(b, "\n## %s\n\n%s", title, human.Markdown(head, rows))
}

func markdownStates(b *strings.Builder, s view.Summary) {
	var states [][]string
	for _, state := range rollout.States() {
		if n := s.States[state]; n > 0 {
			states = append(states, []string{string(state), strconv.Itoa(n)})
		}
	}
	section(b, "Progress", []string{"state", "targets"}, states)
	waves := make([][]string, len(s.Waves))
	for i, w := range s.Waves {
		waves[i] = []string{w.Name, strconv.Itoa(w.Size), strconv.Itoa(w.Done), strconv.Itoa(w.Good), strconv.Itoa(w.Bad), gateText(w)}
	}
	b.WriteString("\n" + human.Markdown([]string{"wave", "targets", "ended", "good", "bad", "gate"}, waves))
}

func markdownFailures(b *strings.Builder, f view.Failures) {
	if f.Total == 0 {
		return
	}
	causes := make([][]string, len(f.Groups))
	for i, g := range f.Groups {
		causes[i] = []string{strconv.Itoa(g.Count), view.StateText(g.State, g.Reason), string(g.Stage), g.Class, human.Number(g.Code), g.Text}
	}
	section(b, "Needs attention", []string{"targets", "state", "stage", "class", "errcode", "cause"}, causes)
	listed := f.Rows[:min(len(f.Rows), listedMax)]
	rows := make([][]string, len(listed))
	for i, row := range listed {
		t := view.LastError{}
		if row.LastError != nil {
			t = *row.LastError
		}
		rows[i] = []string{row.AppID, row.Label, view.StateText(row.State, row.Reason), human.Number(t.Code), t.RID, t.Text}
	}
	b.WriteString("\n" + human.Markdown([]string{"appid", "label", "state", "errcode", "rid", "text"}, rows))
	if more := len(f.Rows) - listedMax; more > 0 {
		fmt.Fprintf(b, "\nand %s more, which the CSV report lists.\n", human.Count(more))
	}
}
