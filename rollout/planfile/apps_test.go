package planfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

const (
	id1 = "wx0000000000000001"
	id2 = "wx0000000000000002"
	id3 = "wx0000000000000003"
)

func readApps(t *testing.T, text string) *applist.Apps {
	t.Helper()
	apps, err := applist.Read("apps.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return apps
}

func TestCheckExt(t *testing.T) {
	t.Parallel()
	apps := readApps(t, "# list\nappid,label,n\n"+id1+",a,1\n"+id2+",,many\n"+id3+",c,\n")
	for _, tc := range []struct{ name, text, want string }{
		{"sound", `{"ext": {{json .}}}`, ""},
		{"by value", "{\n\"n\": {{.n}}}", `apps.csv:4: wx0000000000000002: n: "many": not JSON near "many}": invalid character 'm' looking for beginning of value (line 2 of the ext template)
apps.csv:5: wx0000000000000003: n: is empty for this app; if it may be, write {{default "" .n}} (line 2 of the ext template)`},
		{"by column", `{"n": "{{.m}}{{.lable}}"}`, `apps.csv:2: lable: the ext template uses this column and the list lacks it; did you mean label?
apps.csv:2: m: the ext template uses this column and the list lacks it`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ext, err := extjson.Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := planfile.CheckExt(ext, apps).Error(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	if faults := planfile.CheckExt(nil, apps); faults != nil {
		t.Errorf("no template, and %v", faults)
	}
}

// manyApps is a list of n apps, one per line after the header.
func manyApps(n int) string {
	var b strings.Builder
	b.WriteString("appid,label,tier,store_name,active_users\n")
	for i := range n {
		fmt.Fprintf(&b, "wx%016x,shop %d,gold,Tea House No. %d,%d\n", i, i, i, i*7919%100_003)
	}
	return b.String()
}

func BenchmarkArrangeAndDigest(b *testing.B) {
	file, err := planfile.Parse("plan.yaml", []byte(strings.Replace(minimal, "apps.csv", "apps.csv, select: tier=gold, order: -active_users", 1)), nil)
	if err != nil {
		b.Fatal(err)
	}
	apps, err := applist.Read("apps.csv", strings.NewReader(manyApps(100_000)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		sorted, err := file.Arrange(apps)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := file.Compile(file.Template.Pinned(), sorted); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckExt(b *testing.B) {
	ext, err := extjson.Parse(`{"ext": {"shop": "{{.store_name}}", "tier": "{{.tier}}", "n": {{.active_users}}}}`)
	if err != nil {
		b.Fatal(err)
	}
	apps, err := applist.Read("apps.csv", strings.NewReader(manyApps(10_000)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if faults := planfile.CheckExt(ext, apps); faults != nil {
			b.Fatal(faults)
		}
	}
}

// TestEmptyExt: an empty ext file is one fault, of the file and not of each app.
func TestEmptyExt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\ufeff", " \n\n"} {
		_, err := planfile.Parse("plan.yaml", []byte(minimal+"ext: {file: ext.tmpl}\n"), files{"ext.tmpl": text}.open)
		want := `ext.tmpl:1:1: the file is empty: want the JSON of ext.json, such as {"ext": {"shop": "{{.label}}"}}, or leave ext out`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	_, err := planfile.Parse("plan.yaml", []byte(minimal+"ext: {file: ext.xlsx}\n"), files{"ext.xlsx": "PK\x03\x04"}.open)
	if want := `plan.yaml:4: ext.file: "ext.xlsx": can't be read: is a workbook (.xlsx or .ods) or another zip file: want a text file with the JSON of ext.json`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
