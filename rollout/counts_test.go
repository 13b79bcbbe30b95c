package rollout_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

func TestCellRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rollout.Cell{
			Wave:   rapid.IntRange(0, 1000).Draw(t, "wave"),
			Stage:  rapid.SampledFrom(rollout.Stages()).Draw(t, "stage"),
			State:  rapid.SampledFrom(rollout.States()).Draw(t, "state"),
			Reason: rapid.SampledFrom(append(rollout.Reasons(), "", rollout.ReasonActing)).Draw(t, "reason"),
		}
		got, err := rollout.ParseCell(want.String())
		if err != nil || got != want {
			t.Fatalf("ParseCell(%q) = %+v, %v; want %+v", want, got, err, want)
		}
	})
}

func TestParseCellErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        `count cell "": want wave|stage|state|reason`,
		"0|commit|pending":        `count cell "0|commit|pending": want wave|stage|state|reason`,
		"0|commit|pending||":      `count cell "0|commit|pending||": want wave|stage|state|reason`,
		"first|commit|pending|":   `count cell "first|commit|pending|": wave: strconv.Atoi: parsing "first": invalid syntax`,
		"1.5|commit|pending|busy": `count cell "1.5|commit|pending|busy": wave: strconv.Atoi: parsing "1.5": invalid syntax`,
	} {
		if _, err := rollout.ParseCell(in); err == nil || err.Error() != want {
			t.Errorf("ParseCell(%q): %v, want %s", in, err, want)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	c := rollout.Counts{
		{Wave: 0, Stage: rollout.StageRelease, State: rollout.StateReleased}:                                1,
		{Wave: 0, Stage: rollout.StagePreflight, State: rollout.StateUpToDate}:                              2,
		{Wave: 0, Stage: rollout.StagePreflight, State: rollout.StateSkipped}:                               4,
		{Wave: 0, Stage: rollout.StageVerdict, State: rollout.StateRejected}:                                8,
		{Wave: 0, Stage: rollout.StageCommit, State: rollout.StateFailed}:                                   16,
		{Wave: 1, Stage: rollout.StageCommit, State: rollout.StatePending}:                                  32,
		{Wave: 1, Stage: rollout.StageCommit, State: rollout.StateRunning, Reason: rollout.ReasonActing}:    64,
		{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonVerdict}:   128,
		{Wave: 2, Stage: rollout.StageRelease, State: rollout.StateParked, Reason: rollout.ReasonApproval}:  256,
		{Wave: 2, Stage: rollout.StagePreflight, State: rollout.StateAborted, Reason: rollout.Reason("")}:   512,
		{Wave: 2, Stage: rollout.StagePreflight, State: rollout.StatePending, Reason: rollout.Reason("")}:   1024,
		{Wave: 3, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonUnlisted}:  2048,
		{Wave: 3, Stage: rollout.StageVerdict, State: rollout.StateRunning, Reason: rollout.ReasonVerdict}:  4096, // no reason to hold it
		{Wave: 3, Stage: rollout.StageRelease, State: rollout.StateRunning, Reason: rollout.ReasonApproval}: 8192,
	}
	for what, tc := range map[string]struct{ got, want int }{
		"total":               {c.Total(), 1<<14 - 1},
		"unfinished":          {c.Unfinished(), 32 + 64 + 128 + 256 + 1024 + 2048 + 4096 + 8192},
		"good":                {c.Good(), 1 + 2 + 4},
		"pending":             {c.State(rollout.StatePending), 32 + 1024},
		"failed":              {c.State(rollout.StateFailed), 16},
		"running at commit":   {c.At(rollout.StageCommit, rollout.StateRunning), 64},
		"parked for approval": {c.Parked(rollout.ReasonApproval), 256},
		"of nothing":          {rollout.Counts(nil).Total(), 0},
	} {
		if tc.got != tc.want {
			t.Errorf("%s = %d, want %d", what, tc.got, tc.want)
		}
	}
}
