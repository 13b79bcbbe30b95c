package applist_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/memtest"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// perByte is the memory that a byte of a list may take, freed memory included.
const perByte = 2000

// FuzzRead: no bytes make the reader panic or take memory without bound;
// what it takes is sound, and is the same when it is written and read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte("appid,label\n" + id1 + ",One\n"))
	f.Add([]byte(id1 + "\n"))
	f.Add([]byte("appid,\"" + strings.Repeat("x\n", 200)))
	f.Add([]byte("appid\n" + strings.Repeat(",", 300)))
	f.Fuzz(func(t *testing.T, text []byte) {
		var apps *applist.Apps
		var err error
		memtest.Bounded(t, len(text), perByte, func() { apps, err = applist.Read("apps.csv", bytes.NewReader(text)) })
		if err != nil {
			if apps != nil {
				t.Fatalf("got %v beside %v", apps, err)
			}
			placed(t, err, "apps.csv", text)
			return
		}
		seen := make(map[string]bool)
		for _, app := range apps.All() {
			if len(app.AppID) != 18 || seen[app.AppID] || len(app.Columns) != len(apps.Columns()) || app.Line < 1 {
				t.Fatalf("took %+v", app)
			}
			seen[app.AppID] = true
		}
		if len(seen) == 0 {
			t.Fatal("took a list of nothing")
		}
		again, err := applist.Read("apps.csv", strings.NewReader(written(t, apps)))
		if err != nil || again.Len() != apps.Len() {
			t.Fatalf("written and read again: %v\n%s", err, written(t, apps))
		}
		for i, app := range apps.All() {
			other := again.At(i)
			app.Line, other.Line = 0, 0
			if diff := cmp.Diff(app, other); diff != "" {
				t.Fatalf("written and read again (-was +is):\n%s", diff)
			}
		}
	})
}

// placed checks that an error is Faults, each with a line that text has and a
// message of readable length.
func placed(t *testing.T, err error, name string, text []byte) {
	t.Helper()
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got %v, want Faults", err)
	}
	const longest = 4096 // bytes of a message
	lines := 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
	for _, fault := range faults {
		if fault.Msg == "" || fault.File == name && (fault.Line < 0 || fault.Line > lines) || len(fault.String()) > longest {
			t.Fatalf("fault %+v of %d lines", fault, lines)
		}
	}
	if n := len(err.Error()); n > (filefault.FaultsShown+1)*longest {
		t.Fatalf("an error of %d bytes", n)
	}
}

// written is a list as CSV.
func written(t *testing.T, apps *applist.Apps) string {
	t.Helper()
	var out strings.Builder
	w := csv.NewWriter(&out)
	columns := apps.Columns()
	rows := [][]string{append([]string{"appid", "label"}, columns...)}
	for _, app := range apps.All() {
		row := []string{app.AppID, app.Label}
		for _, c := range columns {
			row = append(row, app.Columns[c])
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
