package planfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

func TestFreezeWaves(t *testing.T) {
	t.Parallel()
	const three = "[{name: a, size: 20}, {name: b, size: 10%}, {name: c}]"
	for _, tc := range []struct {
		waves string
		total int
		want  string
	}{
		{three, 500, "a:20 b:50 c:430"},
		{three, 101, "a:20 b:11 c:70"},
		{three, 22, "a:20 b:2"},
		{three, 21, "a:20 b:1"},
		{three, 20, "a:20"},
		{three, 3, "a:3"},
		{"[{name: a}]", 7, "a:7"},
		{"[{name: a, size: 0.1%}, {name: b}]", 7, "a:1 b:6"},
		{"[{name: a, size: 7%}, {name: b}]", 100, "a:7 b:93"},
		{"[{name: a, size: 33.3%}, {name: b, size: 66.7%}]", 1000, "a:333 b:667"},
		{"[{name: a, size: 60%}, {name: b, size: 60%}]", 10, "a:6 b:4"},
		{"[{name: a, size: 100%}]", 3, "a:3"},
	} {
		t.Run(fmt.Sprint(tc.waves, tc.total), func(t *testing.T) {
			t.Parallel()
			file := parse(t, minimal+"waves: "+tc.waves+"\n", nil)
			plan, err := file.Freeze(file.Template.Pinned(), tc.total)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range plan.Waves {
				got = append(got, fmt.Sprintf("%s:%d", w.Name, w.Size))
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
}

func TestFreezeFaults(t *testing.T) {
	t.Parallel()
	text := minimal + "waves:\n- {name: a, size: 20}\n- {name: b, size: 10%}\n"
	for _, tc := range []struct {
		name  string
		tmpl  rollout.Template
		total int
		want  string
	}{
		{"targets over", rollout.Template{}, 100, "plan.yaml:4: waves: they take 30 of 100 targets and leave 70 over: leave the last wave's size out to give it the rest"},
		{"no targets", rollout.Template{}, 0, "plan.yaml:3: targets: there are no targets"},
		{"another template", rollout.Template{ID: 9}, 10, "freeze plan spring: the plan names template 0, not 9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, text, nil).Freeze(tc.tmpl, tc.total)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestFreezeLatest(t *testing.T) {
	t.Parallel()
	latest := func(more string) *planfile.File {
		return parse(t, "name: a\ntemplate: {latest: true"+more+"}\ntargets: {all: true}\n", nil)
	}
	library := rollout.Template{ID: 7, Version: "2.0", Desc: "fix [1]\n" + strings.Repeat("x", 300)}
	for _, tc := range []struct {
		name, more string
		want       rollout.Template
	}{
		{"the library's words", "", rollout.Template{ID: 7, Version: "2.0", Desc: "fix (1) " + strings.Repeat("x", 192)}},
		{"the plan's words", ", version: 3.0, desc: sale", rollout.Template{ID: 7, Version: "3.0", Desc: "sale"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plan, err := latest(tc.more).Freeze(library, 3)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, plan.Template); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := latest("").Freeze(rollout.Template{ID: 7}, 3); err == nil {
		t.Error("froze a template without a version")
	}
}

func TestFreezeCarriesThePlan(t *testing.T) {
	t.Parallel()
	file := parse(t, minimal+`ext: {inline: "{}"}
audit: {in_audit: skip}
waves: [{name: a, size: 5, hold: approve, reject_above: 8%, delay_above: 100%, min_judged: 3}, {name: b}]
release: {when: manual}
quota: {pool: hotfix}
`, nil)
	got, err := file.Freeze(file.Template.Pinned(), 8)
	if err != nil {
		t.Fatal(err)
	}
	want := rollout.Plan{
		Name: "spring", Template: rollout.Template{ID: 0, Version: "3.10"}, Ext: "{}",
		Audit:   rollout.AuditPolicy{InAudit: rollout.InAuditSkip},
		Waves:   []rollout.Wave{{Name: "a", Size: 5, Approve: true, RejectAbove: 0.08, DelayAbove: 1, MinJudged: 3}, {Name: "b", Size: 3}},
		Release: rollout.ReleasePolicy{When: rollout.ReleaseManual},
		Quota:   rollout.QuotaPolicy{Pool: "hotfix"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWavesCoverTargets: with any sizes, the waves of a frozen plan take all
// targets, each at least one, and WaveOf counts through them without a gap.
func TestWavesCoverTargets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := minimal + "waves:\n"
		n := rapid.IntRange(1, 8).Draw(t, "waves")
		shares := 0
		for i := range n - 1 {
			size := rapid.OneOf(
				rapid.Map(rapid.IntRange(1, 500), func(n int) string { return fmt.Sprint(n) }),
				rapid.Map(rapid.IntRange(1, min(100_000, 99_999-shares)), func(m int) string { shares += m; return fmt.Sprintf("%d.%03d%%", m/1000, m%1000) }),
			).Draw(t, "size")
			if shares == 99_999 {
				text += fmt.Sprintf("- {name: w%d, size: %s}\n", i, size)
				break
			}
			text += fmt.Sprintf("- {name: w%d, size: %s}\n", i, size)
		}
		text += "- {name: rest}\n"
		total := rapid.IntRange(1, 2000).Draw(t, "total")
		file, err := planfile.Parse("plan.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := file.Freeze(file.Template.Pinned(), total)
		if err != nil {
			t.Fatal(err)
		}
		k := 0
		for i, w := range plan.Waves {
			if w.Size < 1 {
				t.Fatalf("wave %s has %d targets", w.Name, w.Size)
			}
			for j := range w.Size {
				if wave, place, ok := planfile.WaveOf(plan, k); !ok || wave != i || place != j {
					t.Fatalf("target %d is in wave %d, place %d (%v), want %d, %d", k, wave, place, ok, i, j)
				}
				k++
			}
		}
		if last := plan.Waves[len(plan.Waves)-1]; last.Sequential {
			t.Fatalf("the last wave is sequential: %+v", plan.Waves)
		}
		if k != total {
			t.Fatalf("the waves take %d of %d", k, total)
		}
		for _, out := range []int{-1, total} {
			if _, _, ok := planfile.WaveOf(plan, out); ok {
				t.Fatalf("there is a target %d of %d", out, total)
			}
		}
	})
}

func TestSizeOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		milli := rapid.IntRange(1, 99_999).Draw(t, "thousandths of a percent")
		total := rapid.IntRange(1, 200_000).Draw(t, "total")
		text := fmt.Sprintf("%swaves: [{name: a, size: %d.%03d%%}, {name: b}]\n", minimal, milli/1000, milli%1000)
		file, err := planfile.Parse("plan.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := file.Waves[0].Size.Of(total)
		// The least n with n/total >= milli/100000.
		if n < 1 || n*100_000 < milli*total || (n-1)*100_000 >= milli*total {
			t.Fatalf("%s of %d is %d", file.Waves[0].Size, total, n)
		}
	})
}

func TestDigest(t *testing.T) {
	t.Parallel()
	const csv = "appid,label,a,b\n" + id1 + ",x,1,2\n" + id2 + ",y,3,4\n"
	digest := func(text, csv string) string {
		t.Helper()
		file := parse(t, text, files{"apps.csv": csv, "other.csv": csv, "e.tmpl": "{}"})
		apps, err := file.ReadApps()
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := file.Compile(file.Template.Pinned(), apps)
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Digest
	}
	base := digest(minimal, csv)
	if len(base) != 64 {
		t.Errorf("%q is no hex SHA-256", base)
	}
	for _, tc := range []struct {
		name, text, csv string
		same            bool
	}{
		{"again", minimal, csv, true},
		{"comments and blanks", "# x\n" + strings.Replace(minimal, "spring", "   spring # y\n", 1), "# z\n\n" + csv, true},
		{"keys in another order", "targets:\n  file: apps.csv\ntemplate: {version: 3.10, id: 0}\nname: 'spring'\n", csv, true},
		{"columns in another order", minimal, "b,appid,a,label\n2," + id1 + ",1,x\n4," + id2 + ",3,y\n", true},
		{"another file name", strings.Replace(minimal, "apps", "other", 1), csv, true},
		{"defaults written out", minimal + "audit: {in_audit: wait}\nrelease: {when: approved}\nwaves: [{name: all}]\n", csv, true},
		{"a size that comes to the same", minimal + "waves: [{name: all, size: 100%}]\n", csv, true},
		{"rows in another order", minimal, "appid,label,a,b\n" + id2 + ",y,3,4\n" + id1 + ",x,1,2\n", false},
		{"one value", minimal, strings.Replace(csv, "4", "5", 1), false},
		{"values shifted", minimal, strings.Replace(csv, "1,2", "12,", 1), false},
		{"column renamed", minimal, strings.Replace(csv, ",b", ",c", 1), false},
		{"label", minimal, strings.Replace(csv, ",x", ",z", 1), false},
		{"version", strings.Replace(minimal, "3.10", "3.1", 1), csv, false},
		{"ext", minimal + "ext: {file: e.tmpl}\n", csv, false},
		{"policy", minimal + "audit: {in_audit: skip}\n", csv, false},
		{"start", minimal + "start: 2026-12-01T02:00+08:00\n", csv, false},
		{"schedule", minimal + "schedule: 0 2 1 * *\n", csv, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := digest(tc.text, tc.csv); (got == base) != tc.same {
				t.Errorf("same digest: %v, want %v", got == base, tc.same)
			}
		})
	}
	if digest(minimal+"start: 2026-12-01T02:00+08:00\n", csv) != digest(minimal+"start: 2026-11-30T18:00:00Z\n", csv) {
		t.Error("one instant in two zones has two digests")
	}
}
