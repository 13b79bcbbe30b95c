package whose

import (
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Each read answers whose it is, and what it does not show is unknown.
const (
	ourVersion = "3.9.0"
	ourDesc    = "spring sale [r1/0]"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	m := Mark{Rollout: "r1", Version: ourVersion, Desc: ourDesc}
	for _, tc := range []struct {
		name          string
		version, desc string
		of, ever      Fact
	}{
		{"ours", ourVersion, ourDesc, Ours, Ours},
		{"no version", "", ourDesc, Ours, Ours},
		{"no text", ourVersion, "", Unknown, Unknown},
		{"nothing", "", "", Unknown, Unknown},
		{"another text", ourVersion, "by hand", Anothers, Anothers},
		{"another version without text", "3.8.0", "", Anothers, Anothers},
		{"another rollout", ourVersion, "spring sale [r0/0]", Anothers, Anothers},
		{"a later revision", ourVersion, "spring sale [r1/1]", Anothers, Anothers},
		{"only another text", "", "by hand", Anothers, Anothers},
	} {
		entry := &wxclient.VersionEntry{Time: 1, Version: tc.version, Desc: tc.desc}
		audit := wxclient.Audit{Version: tc.version, Desc: tc.desc}
		for read, got := range map[string]Fact{
			"trial":            Trial(m, wxclient.VersionInfo{Exp: entry}),
			"live":             Live(m, wxclient.VersionInfo{Release: entry}),
			"audit without id": Audit(m, 41, audit),
			"audit unknown":    Audit(m, 0, audit),
		} {
			if got != tc.of {
				t.Errorf("%s, %s: %d, want %d", tc.name, read, got, tc.of)
			}
		}
		if got := m.Ever(tc.version, tc.desc); got != tc.ever {
			t.Errorf("%s, of any revision: %d, want %d", tc.name, got, tc.ever)
		}
		// An id that is known proves it, and another one denies it.
		for id, want := range map[int64]Fact{41: Ours, 50: Anothers} {
			audit.ID = id
			if got := Audit(m, 41, audit); got != want {
				t.Errorf("%s, audit %d: %d, want %d", tc.name, id, got, want)
			}
		}
	}
	trial := &wxclient.VersionEntry{Version: ourVersion, Desc: ourDesc}
	for name, got := range map[string]Fact{
		"no trial version": Trial(m, wxclient.VersionInfo{}), "never live": Live(m, wxclient.VersionInfo{Exp: trial}),
	} {
		if got != None {
			t.Errorf("%s: %d, want none", name, got)
		}
	}
	if got := Live(m, wxclient.VersionInfo{}); got != Unknown {
		t.Errorf("an answer without any version: %d, want unknown", got)
	}
}

// Whose a gray release is goes by the version that passed last when it began.
func TestGrayFact(t *testing.T) {
	t.Parallel()
	runs := wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning}
	over := wxclient.GrayPlan{Exists: true, Status: wxclient.GrayFinished}
	for _, tc := range []struct {
		plan          wxclient.GrayPlan
		last          Fact
		passed, began bool
		want          Fact
	}{
		{wxclient.GrayPlan{}, Ours, true, true, None},
		{over, Ours, true, true, None},
		{runs, Ours, true, false, Ours},
		{runs, Anothers, true, true, Anothers},
		{runs, Unknown, true, true, Unknown},
		{runs, Anothers, false, true, Ours},
		{runs, Anothers, false, false, Unknown},
	} {
		if got := Gray(tc.plan, tc.last, tc.passed, tc.began); got != tc.want {
			t.Errorf("%+v: %d, want %d", tc, got, tc.want)
		}
	}
}
