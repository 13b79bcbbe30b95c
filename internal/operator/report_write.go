package operator

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
)

// csvHead are the columns of a CSV report.
var csvHead = []string{
	"appid", "label", "wave", "stage", "state", "reason", "class", "errcode", "rid", "text",
	"audit_id", "attempts", "submitted", "ended", "screenshots",
}

func writeCSV(w io.Writer, rows iter.Seq2[Row, error]) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvHead); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := out.Write(CSVLine(row)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// CSVHead names the columns of a target in CSV.
func CSVHead() []string { return slices.Clone(csvHead) }

// CSVLine is a target in the columns of CSVHead.
func CSVLine(row Row) []string {
	t := LastError{}
	if row.LastError != nil {
		t = *row.LastError
	}
	return []string{
		row.AppID, plainCell(row.Label), row.Wave, string(row.Stage), string(row.State), string(row.Reason),
		t.Class, number(t.Code), plainCell(t.RID), plainCell(t.Text),
		number(row.AuditID), strconv.Itoa(row.Attempt), stamp(row.Submitted), stamp(row.Ended), plainCell(t.Screenshots),
	}
}

// number is n, and blank for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// plainCell keeps a spreadsheet from taking text that others wrote for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func writeJSON(w io.Writer, r Report, rows iter.Seq2[Row, error]) error {
	head, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	// The targets go on behind the report's own fields, one a line.
	if _, err := fmt.Fprintf(w, "%s,\n  \"targets\": [", strings.TrimSuffix(string(head), "\n}")); err != nil {
		return err
	}
	comma := "\n    "
	for row, err := range rows {
		if err != nil {
			return err
		}
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s", comma, line); err != nil {
			return err
		}
		comma = ",\n    "
	}
	_, err = io.WriteString(w, "\n  ]\n}\n")
	return err
}

// listedMax bounds the targets that a report for people lists.
const listedMax = 1000

func writeMarkdown(w io.Writer, r Report, plan rollout.Plan, f Failures) error {
	var b strings.Builder
	s := r.Summary
	fmt.Fprintf(&b, "# Rollout %s\n\n", s.ID)
	fmt.Fprintf(&b, "- status: %s", s.Status)
	if s.Why != "" {
		fmt.Fprintf(&b, ", by %s: %s", s.By, oneCell(s.Why))
	}
	fmt.Fprintf(&b, "\n- template: %s\n", templateText(s.Template))
	fmt.Fprintf(&b, "- targets: %d, of which %d ended: %d well, %d rejected or failed\n", s.Total, s.Done, s.Good, s.Bad)
	fmt.Fprintf(&b, "- created %s", stamp(s.Created))
	if !s.Started.IsZero() {
		fmt.Fprintf(&b, ", started %s", stamp(s.Started))
	}
	if !s.Ended.IsZero() {
		fmt.Fprintf(&b, ", ended %s", stamp(s.Ended))
	}
	fmt.Fprintf(&b, "\n- release: %s\n- report of %s\n", releaseText(plan.Release), stamp(r.At))
	markdownStates(&b, s)
	markdownFailures(&b, f)
	if len(r.Actions) > 0 {
		b.WriteString("\n## What was done\n\n| when | by | change | why |\n|---|---|---|---|\n")
		for _, a := range r.Actions {
			fmt.Fprintf(&b, "| %s | %s | %s to %s | %s |\n", stamp(a.Time()), oneCell(a.By), a.From, a.To, oneCell(a.Why))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
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

func markdownStates(b *strings.Builder, s Summary) {
	b.WriteString("\n## Where they stand\n\n| state | targets |\n|---|---:|\n")
	for _, state := range rollout.States() {
		if n := s.States[state]; n > 0 {
			fmt.Fprintf(b, "| %s | %d |\n", state, n)
		}
	}
	b.WriteString("\n| wave | targets | ended | well | bad | gate |\n|---|---:|---:|---:|---:|---|\n")
	for _, w := range s.Waves {
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %s |\n", w.Name, w.Size, w.Done, w.Good, w.Bad, oneCell(gateText(w)))
	}
}

func markdownFailures(b *strings.Builder, f Failures) {
	if f.Total == 0 {
		return
	}
	b.WriteString("\n## To look at\n\n| targets | state | stage | class | errcode | cause |\n|---:|---|---|---|---|---|\n")
	for _, g := range f.Groups {
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s |\n", g.Count, stateText(g.State, g.Reason), g.Stage, g.Class, number(g.Code), oneCell(g.Text))
	}
	b.WriteString("\n| appid | label | state | errcode | rid | text |\n|---|---|---|---|---|---|\n")
	for _, row := range f.Rows[:min(len(f.Rows), listedMax)] {
		t := LastError{}
		if row.LastError != nil {
			t = *row.LastError
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", row.AppID, oneCell(row.Label), stateText(row.State, row.Reason), number(t.Code), oneCell(t.RID), oneCell(t.Text))
	}
	if more := len(f.Rows) - listedMax; more > 0 {
		fmt.Fprintf(b, "\nand %d more: the CSV report has them all.\n", more)
	}
}

// stateText is a state with the reason to park.
func stateText(s rollout.State, r rollout.Reason) string {
	if r == "" {
		return string(s)
	}
	return string(s) + ": " + string(r)
}

// oneCell makes text fit a cell of a Markdown table.
func oneCell(s string) string {
	return strings.NewReplacer("|", `\|`, "\r", " ", "\n", " ", "<", "&lt;").Replace(s)
}
