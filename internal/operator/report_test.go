package operator_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// sortedLines sorts the lines that begin so: a report's targets have no order.
func sortedLines(text, prefix string) string {
	lines := strings.Split(text, "\n")
	var from, to int
	for i, line := range lines {
		if strings.HasPrefix(line, prefix) {
			if from == 0 {
				from = i
			}
			to = i + 1
			lines[i] = strings.TrimSuffix(line, ",")
		}
	}
	slices.Sort(lines[from:to])
	return strings.Join(lines, "\n")
}

func TestReport(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	if _, err := b.Operator.Pause(b.Ctx, id, "a | b"); err != nil {
		t.Fatal(err)
	}
	for format, prefix := range map[operator.Format]string{
		operator.FormatCSV: "wx", operator.FormatJSON: `    {"appid"`, operator.FormatMarkdown: "\x00",
	} {
		var out bytes.Buffer
		r, err := b.Operator.Report(b.Ctx, id, &out, format)
		if err != nil || r.Summary.Total != 10 {
			t.Fatalf("%s: %+v %v", format, r.Summary, err)
		}
		text := regexp.MustCompile(`spring-[0-9a-f]{8}`).ReplaceAllString(out.String(), "spring-ID")
		goldentest.Compare(t, "report."+string(format)+".golden", sortedLines(text, prefix))
	}
}

func TestReportIsWellFormed(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	var out bytes.Buffer
	if _, err := b.Operator.Report(b.Ctx, id, &out, operator.FormatJSON); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Summary view.Summary
		Targets []view.Row
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Targets) != 10 || doc.Summary.ID != id {
		t.Errorf("%d targets of %s: %v", len(doc.Targets), doc.Summary.ID, err)
	}
	out.Reset()
	if _, err := b.Operator.Report(b.Ctx, id, &out, operator.FormatCSV); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 11 || !slices.Equal(lines[0], operator.CSVHead()) {
		t.Errorf("%d lines: %v", len(lines), err)
	}
	if _, err := b.Operator.Report(b.Ctx, id, &out, "xml"); err == nil {
		t.Error("an unknown format is no error")
	}
}

// TestReportIsNoFormula: a spreadsheet must not run what a merchant wrote.
func TestReportIsNoFormula(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	b.Worker.Answer(appID(0), rollout.StageVerdict, operatortest.Rejected("=HYPERLINK(\"http://evil\")"))
	b.Work()
	var out bytes.Buffer
	if _, err := b.Operator.Report(b.Ctx, id, &out, operator.FormatCSV); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"'=HYPERLINK(""http://evil"")"`) {
		t.Errorf("report %s", out.String())
	}
}
