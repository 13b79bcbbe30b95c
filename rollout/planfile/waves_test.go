package planfile_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestWavesWait: a wave without a rule holds the next one until it is done, unless that one is
// parallel.
func TestWavesWait(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ waves, want string }{
		{"[{name: a, size: 1}, {name: b, size: 1}, {name: c}]", "a+ b+ c"},
		{"[{name: a, size: 1}, {name: b, size: 1, parallel: true}, {name: c}]", "a b+ c"},
		{"[{name: a, size: 1}, {name: b, size: 1, parallel: false}, {name: c, parallel: true}]", "a+ b c"},
		{"[{name: a, size: 1, hold: approve}, {name: b, size: 1}, {name: c}]", "a b+ c"},
		{"[{name: a, size: 1, min_judged: 1}, {name: b}]", "a b"},
		{"[{name: a}]", "a"},
	} {
		file := parse(t, minimal+"waves: "+tc.waves+"\n", nil)
		plan, err := file.Freeze(file.Template.Pinned(), 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range plan.Waves {
			got = append(got, w.Name+strings.Repeat("+", map[bool]int{true: 1}[w.Sequential]))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: got %s, want %s", tc.waves, s, tc.want)
		}
	}
}

// TestEmptyWaves: a wave that gets no target of a list is a fault, at its line. The runs of a
// schedule with changing apps leave it out.
func TestEmptyWaves(t *testing.T) {
	t.Parallel()
	waves := "waves:\n- {name: a, size: 20}\n- {name: b, size: 10%}\n- {name: c}\n"
	for _, tc := range []struct {
		text  string
		total int
		want  string
	}{
		{minimal + waves, 30, ""},
		{minimal + waves, 21, `plan.yaml:7: waves[2]: "rest": wave c holds no target: the waves before it take all 21`},
		{minimal + waves, 20, `plan.yaml:6: waves[1]: "10%": wave b holds no target: the waves before it take all 20
plan.yaml:7: waves[2]: "rest": wave c holds no target: the waves before it take all 20`},
		{minimal + "schedule: 0 2 1 * *\n" + waves, 20, `plan.yaml:7: waves[1]: "10%": wave b holds no target: the waves before it take all 20
plan.yaml:8: waves[2]: "rest": wave c holds no target: the waves before it take all 20`},
		{strings.Replace(minimal, "file: apps.csv", "all: true", 1) + "schedule: 0 2 1 * *\n" + waves, 20, ""},
	} {
		list := "appid\n"
		for i := range tc.total {
			list += fmt.Sprintf("wx%016x\n", i)
		}
		err := parse(t, tc.text, nil).Check(readApps(t, list))
		if got := fmt.Sprint(err); got != tc.want && (err != nil || tc.want != "") {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}
