package applist_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/selector"
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

func list(apps *applist.Apps) []applist.App {
	var all []applist.App
	for _, app := range apps.All() {
		all = append(all, app)
	}
	return all
}

func TestReadApps(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	for _, tc := range []struct {
		name, text string
		want       []applist.App
	}{
		{"header and rows", "appid,label,tier\n" + id2 + ",Two,gold\n" + id1 + ",One,\n", []applist.App{
			{AppID: id2, Label: "Two", Line: 2, Columns: map[string]string{"tier": "gold"}},
			{AppID: id1, Label: "One", Line: 3, Columns: map[string]string{"tier": ""}},
		}},
		{"appid last, no label", "tier,AppID\ngold," + id1, []applist.App{{AppID: id1, Line: 2, Columns: map[string]string{"tier": "gold"}}}},
		{"bare list", id1 + "\n" + id2 + "\n", []applist.App{{AppID: id1, Line: 1, Columns: none}, {AppID: id2, Line: 2, Columns: none}}},
		{"byte order mark, CRLF, blanks", "\ufeffappid , label\r\n\r\n " + id1 + " ,  One \r\n", []applist.App{{AppID: id1, Label: "One", Line: 3, Columns: none}}},
		{"comments and blank rows", "# list\nappid,label\n  \n# " + id2 + "\n  # x\n,\n" + id1 + ",One\n", []applist.App{{AppID: id1, Label: "One", Line: 7, Columns: none}}},
		{"quotes", "appid,label\n" + id1 + ",\"a, \"\"b\"\"\nc\"\n" + id2 + ",d\n", []applist.App{
			{AppID: id1, Label: "a, \"b\"\nc", Line: 2, Columns: none},
			{AppID: id2, Label: "d", Line: 4, Columns: none},
		}},
		{"header only one column", "appid\n" + id1, []applist.App{{AppID: id1, Line: 2, Columns: none}}},
		{"Chinese", "appid,label,城市\n" + id1 + ",茶馆,北京\n", []applist.App{{AppID: id1, Label: "茶馆", Line: 2, Columns: map[string]string{"城市": "北京"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, list(readApps(t, tc.text))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadAppsFaults(t *testing.T) {
	t.Parallel()
	const head = "appid,label\n"
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "apps.csv: has no apps: want a header with appid and a line per app"},
		{"only a header", head, "apps.csv: has no apps: want a header with appid and a line per app"},
		{"UTF-16", "\xff\xfea\x00", "apps.csv:1: is UTF-16: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"},
		{"UTF-16 big endian", "\xfe\xff\x00a", "apps.csv:1: is UTF-16: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"},
		{"GBK", head + id1 + ",\xb2\xe8", `apps.csv:2: label: "\xb2\xe8": is not valid UTF-8: save it as CSV UTF-8 (Excel's plain CSV is GBK)`},
		{"workbook", "PK\x03\x04\x14\x00", "apps.csv: is a workbook (.xlsx or .ods) or another zip file: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"},
		{"old workbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "apps.csv: is a workbook of an old Excel (.xls): save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)"},
		{"a secret", "2f4dd0f3bc8a4bd3b1a3d9e2a6a5f1c0\n", "apps.csv:1: the header has no column appid: want a line that names the columns, such as appid,label"},
		{"a secret of bytes", "\x8a\x01,\x8a\x01\n", `apps.csv:1: is not valid UTF-8: save it as CSV UTF-8 (Excel's plain CSV is GBK)
apps.csv:1: columns 1 and 2 have the same name
apps.csv:1: the header has no column appid: want a line that names the columns, such as appid,label`},
		{"appid that is no hex", head + "wx000000000000000g,One", `apps.csv:2: appid: "wx000000000000000g": has characters that no appid has: want wx and 16 of 0-9 and a-f`},
		{"original id", head + "gh_0123456789ab,One", `apps.csv:2: appid: "gh_0123456789ab": is the original id of an account, not its appid: want wx and 16 of 0-9 and a-f`},
		{"no appid", head + ",One", "apps.csv:2: appid: is empty: want wx and 16 of 0-9 and a-f"},
		{"another id", head + "ab0000000000000001,One", `apps.csv:2: appid: "ab0000000000000001": does not begin with wx: want wx and 16 of 0-9 and a-f`},
		{"NUL", head + id1 + ",a\x00", `apps.csv:2: label: "a\x00": has a NUL byte`},
		{"control character", head + id1 + ",a\x1b", `apps.csv:2: label: "a\x1b": has a control character`},
		{"bad appid", head + "wx123,One", `apps.csv:2: appid: "wx123": is too short: want wx and 16 of 0-9 and a-f`},
		{"appid in capitals", head + strings.ToUpper(id1) + ",One", `apps.csv:2: appid: "WX0000000000000001": has upper-case letters: write appids in lower case`},
		{"bare list with a bad one", id1 + "x\n" + id2, `apps.csv:1: appid: "` + id1 + `x": is too long: want wx and 16 of 0-9 and a-f`},
		{"twice", head + id1 + ",a\n" + id2 + ",b\n" + id1 + ",c", `apps.csv:4: appid: "` + id1 + `": is there twice, first on line 2`},
		{"too many columns", head + id1 + ",a,b", `apps.csv:2: "` + id1 + `,a,b": has 3 columns, want 2; a value with a comma in it goes in quotes`},
		{"too few columns", head + id1, `apps.csv:2: "` + id1 + `": has 1 columns, want 2; a value with a comma in it goes in quotes`},
		{"bare list with columns", id1 + "\n" + id2 + ",b", `apps.csv:2: "` + id2 + `,b": has 2 columns, want 1; a value with a comma in it goes in quotes`},
		{"no header", id1 + ",a\n", `apps.csv:1: the first line must name the columns, such as appid,label`},
		{"no appid column", "app_id,label\n" + id1 + ",a\n", `apps.csv:1: the header has no column appid; is "app_id" meant to be appid?`},
		{"semicolons", "appid;label\n" + id1 + ";a\n", `apps.csv:1: the columns are parted by ';': save the list with commas`},
		{"unnamed column", "appid,\n" + id1 + ",a", "apps.csv:1: column 2 has no name"},
		{"column twice", "appid,a,b,a\n" + id1 + ",,,", "apps.csv:1: a: columns 2 and 4 have the same name"},
		{"appid twice in capitals", "appid,APPID\n" + id1 + ",x", "apps.csv:1: appid: columns 1 and 2 have the same name"},
		{"bare quote", head + id1 + ",a\"b", `apps.csv:2: has a " inside a value: put the value in quotes and double the " in it`},
		{"open quote", head + id1 + ",\"a\n" + id2 + ",b\n", `apps.csv:2: has a quoted value that does not end, or goes on after its closing "`},
		{"long value", head + id1 + "," + strings.Repeat("a", 5000), `apps.csv:2: label: "` + strings.Repeat("a", 60) + `...": has 5000 bytes, want at most 4096; a quote that does not end makes one value of many lines`},
		{"many columns", "appid" + strings.Repeat(",a", 100), "apps.csv:1: has 101 columns, want at most 100"},
		{"all at once", "appid,,x\nwx1,,\n" + id1 + "\n" + id2 + ",,\n" + id2 + ",,\n", `apps.csv:1: column 2 has no name
apps.csv:2: appid: "wx1": is too short: want wx and 16 of 0-9 and a-f
apps.csv:3: "wx0000000000000001": has 1 columns, want 3; a value with a comma in it goes in quotes
apps.csv:5: appid: "wx0000000000000002": is there twice, first on line 4`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := applist.Read("apps.csv", strings.NewReader(tc.text))
			if got := faultsOf(t, err).Error(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestReadAppsTooMany(t *testing.T) {
	t.Parallel()
	_, err := applist.Read("apps.csv", strings.NewReader(manyApps(200_001)))
	if got, want := faultsOf(t, err).Error(), "apps.csv:200002: has more than 200000 rows: split the list into several rollouts"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReadAppsReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	_, err := applist.Read("apps.csv", iotest.ErrReader(broken))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

func TestAppsOrder(t *testing.T) {
	t.Parallel()
	apps := readApps(t, "appid,label,n,mixed\n"+id1+",b,9,9\n"+id2+",a,,x\n"+id3+",b,10.5,10\n")
	for _, tc := range []struct{ by, want string }{
		{"", "1 2 3"},
		{"n", "1 3 2"},
		{"-n", "3 1 2"},
		{"mixed", "3 1 2"},
		{"-mixed", "2 1 3"},
		{"label", "2 1 3"},
		{"-label", "1 3 2"},
		{"-appid", "3 2 1"},
	} {
		t.Run(tc.by, func(t *testing.T) {
			t.Parallel()
			sorted, err := apps.Order(tc.by)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, app := range sorted.All() {
				got = append(got, app.AppID[len(app.AppID)-1:])
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
			if apps.At(0).AppID != id1 {
				t.Error("the list itself changed")
			}
		})
	}
	if _, err := apps.Order("size"); err == nil {
		t.Error("ordered by a column that is not there")
	}
}

func TestAppsSelect(t *testing.T) {
	t.Parallel()
	apps := readApps(t, "appid,label,tier\n"+id1+",a,gold\n"+id2+",b,\n"+id3+",c,tin\n")
	for _, tc := range []struct{ selector, want string }{
		{"", "a b c"}, {"tier", "a c"}, {"!tier", "b"}, {"tier!=tin", "a b"}, {"label in (b,c),appid!=" + id2, "c"}, {"tier=iron", ""},
	} {
		t.Run(tc.selector, func(t *testing.T) {
			t.Parallel()
			s, err := selector.Parse(tc.selector)
			if err != nil {
				t.Fatal(err)
			}
			chosen, err := apps.Select(s)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, app := range chosen.All() {
				got = append(got, app.Label)
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
}

func TestNewApps(t *testing.T) {
	t.Parallel()
	apps := applist.New("registry", []applist.App{
		{AppID: id1, Label: "a", Columns: map[string]string{"x": "1"}},
		{AppID: id2, Columns: map[string]string{"y": "2"}},
	})
	want := []applist.App{
		{AppID: id1, Label: "a", Columns: map[string]string{"x": "1", "y": ""}},
		{AppID: id2, Columns: map[string]string{"x": "", "y": "2"}},
	}
	if diff := cmp.Diff(want, list(apps)); diff != "" {
		t.Error(diff)
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

func BenchmarkRead(b *testing.B) {
	text := manyApps(100_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		apps, err := applist.Read("apps.csv", strings.NewReader(text))
		if err != nil || apps.Len() != 100_000 {
			b.Fatal(apps.Len(), err)
		}
	}
}

// faultsOf gives the faults of an error that must be some.
func faultsOf(t *testing.T, err error) filefault.Faults {
	t.Helper()
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got %v, want Faults", err)
	}
	return faults
}
