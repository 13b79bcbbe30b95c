package tasks

import (
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Each read answers whose it is, and what it does not tell is unknown.
func TestFacts(t *testing.T) {
	t.Parallel()
	m := mark{rollout: "r1", version: ourVersion, desc: ourDesc}
	for _, tc := range []struct {
		name          string
		version, desc string
		of, ever      fact
	}{
		{"ours", ourVersion, ourDesc, ours, ours},
		{"no version", "", ourDesc, ours, ours},
		{"no text", ourVersion, "", unknown, unknown},
		{"nothing", "", "", unknown, unknown},
		{"another text", ourVersion, "by hand", anothers, anothers},
		{"another version without text", "3.8.0", "", anothers, anothers},
		{"another rollout", ourVersion, "spring sale [r0/0]", anothers, anothers},
		{"a later revision", ourVersion, "spring sale [r1/1]", anothers, anothers},
		{"only another text", "", "by hand", anothers, anothers},
	} {
		entry := &wxclient.VersionEntry{Time: 1, Version: tc.version, Desc: tc.desc}
		audit := wxclient.Audit{Version: tc.version, Desc: tc.desc}
		for read, got := range map[string]fact{
			"trial":            trialFact(m, wxclient.VersionInfo{Exp: entry}),
			"live":             liveFact(m, wxclient.VersionInfo{Release: entry}),
			"audit without id": auditFact(m, 41, audit),
			"audit unknown":    auditFact(m, 0, audit),
		} {
			if got != tc.of {
				t.Errorf("%s, %s: %d, want %d", tc.name, read, got, tc.of)
			}
		}
		if got := m.ever(tc.version, tc.desc); got != tc.ever {
			t.Errorf("%s, of any revision: %d, want %d", tc.name, got, tc.ever)
		}
		// An id that is known proves it, and another one denies it.
		for id, want := range map[int64]fact{41: ours, 50: anothers} {
			audit.ID = id
			if got := auditFact(m, 41, audit); got != want {
				t.Errorf("%s, audit %d: %d, want %d", tc.name, id, got, want)
			}
		}
	}
	trial := &wxclient.VersionEntry{Version: ourVersion, Desc: ourDesc}
	for name, got := range map[string]fact{
		"no trial version": trialFact(m, wxclient.VersionInfo{}), "never live": liveFact(m, wxclient.VersionInfo{Exp: trial}),
	} {
		if got != none {
			t.Errorf("%s: %d, want none", name, got)
		}
	}
	if got := liveFact(m, wxclient.VersionInfo{}); got != unknown {
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
		last          fact
		passed, began bool
		want          fact
	}{
		{wxclient.GrayPlan{}, ours, true, true, none},
		{over, ours, true, true, none},
		{runs, ours, true, false, ours},
		{runs, anothers, true, true, anothers},
		{runs, unknown, true, true, unknown},
		{runs, anothers, false, true, ours},
		{runs, anothers, false, false, unknown},
	} {
		if got := grayFact(tc.plan, tc.last, tc.passed, tc.began); got != tc.want {
			t.Errorf("%+v: %d, want %d", tc, got, tc.want)
		}
	}
}
