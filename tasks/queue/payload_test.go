package queue

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/memtest"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestPayloadRoundTrip(t *testing.T) {
	t.Parallel()
	for _, stage := range rollout.Stages() {
		for _, permit := range []bool{false, true} {
			want := rollout.Assignment{
				Rollout: "spring-1", AppID: "wx0123456789abcdef", Stage: stage,
				Fence: math.MaxInt64, Permit: permit, // past what a JSON number keeps elsewhere
			}
			task, err := newTask(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseTask(task.Type(), task.Payload())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", stage, diff)
			}
		}
	}
}

// What is on the wire is a contract with workers of another version.
func TestPayloadOnTheWire(t *testing.T) {
	t.Parallel()
	assignment := rollout.Assignment{Rollout: "spring", AppID: "wx1", Stage: rollout.StageSubmit, Fence: 1764554400000001, Permit: true}
	task, err := newTask(assignment)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := task.Type(), "wxrollout:submit"; got != want {
		t.Errorf("kind %q, want %q", got, want)
	}
	if got, want := string(task.Payload()), `{"r":"spring","a":"wx1","s":"submit","f":"1764554400000001","p":true}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	if got, want := taskID(assignment), "spring:wx1:submit:1764554400000001"; got != want {
		t.Errorf("task id %q, want %q", got, want)
	}
}

func TestBadPayloads(t *testing.T) {
	t.Parallel()
	const good = `{"r":"spring","a":"wx1","s":"submit","f":"7"}`
	if _, err := parseTask("wxrollout:submit", []byte(good)); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, tc := range []struct{ name, kind, body, why string }{
		{"no JSON", "wxrollout:submit", "submit", "invalid character"},
		{"empty", "wxrollout:submit", "", "end of JSON"},
		{"a list", "wxrollout:submit", "[]", "cannot unmarshal"},
		{"fence a number", "wxrollout:submit", strings.Replace(good, `"7"`, `7`, 1), "cannot unmarshal"},
		{"fence no number", "wxrollout:submit", strings.Replace(good, `"7"`, `"x"`, 1), "bad fence"},
		{"fence 0", "wxrollout:submit", strings.Replace(good, `"7"`, `"0"`, 1), "bad fence"},
		{"fence too large", "wxrollout:submit", strings.Replace(good, `"7"`, `"9223372036854775808"`, 1), "bad fence"},
		{"no fence", "wxrollout:submit", `{"r":"spring","a":"wx1","s":"submit"}`, "bad fence"},
		{"no rollout", "wxrollout:submit", strings.Replace(good, "spring", "", 1), "no rollout or app"},
		{"no app", "wxrollout:submit", strings.Replace(good, "wx1", "", 1), "no rollout or app"},
		{"no such stage", "wxrollout:fly", strings.Replace(good, "submit", "fly", 1), "bad stage"},
		{"kind of another stage", "wxrollout:release", good, "bad stage"},
		{"kind of another program", "mail:submit", good, "bad stage"},
		{"too long", "wxrollout:submit", strings.Replace(good, "spring", strings.Repeat("s", 2000), 1), "bytes, want at most 1024"},
		{"kind that goes on", "wxrollout:submit2", good, "bad stage"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assignment, err := parseTask(tc.kind, []byte(tc.body))
			var bad *PayloadError
			if !errors.As(err, &bad) || bad.Kind != tc.kind || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v, want a PayloadError of kind %q about %q", err, tc.kind, tc.why)
			}
			if assignment != (rollout.Assignment{}) {
				t.Errorf("assignment %+v beside an error", assignment)
			}
		})
	}
}

// Every task off the queue either is an assignment that goes back on the wire, or a
// PayloadError of a readable length; neither takes memory without bound, and the
// order of the keys doesn't matter.
func FuzzParseTask(f *testing.F) {
	f.Add("wxrollout:submit", []byte(`{"r":"spring","a":"wx1","s":"submit","f":"7","p":true}`))
	f.Add("wxrollout:release", []byte(`{"r":"a","a":"b","s":"release","f":"9223372036854775807"}`))
	f.Add("wxrollout:fly", []byte(`{"s":"fly"}`))
	f.Add("wxrollout:submit", []byte(`{"r":1`+strings.Repeat("0", 900)+`}`))
	f.Add("wxrollout:submit", []byte(strings.Repeat(`{"r":`, 5000)))
	f.Add(strings.Repeat("k", 3000), []byte(`{}`))
	f.Add("", []byte(nil))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		var assignment rollout.Assignment
		var err error
		const perByte, longest = 50, 4096
		memtest.Bounded(t, len(kind)+len(body), perByte, func() { assignment, err = parseTask(kind, body) })
		if err != nil {
			if !errors.As(err, new(*PayloadError)) || len(err.Error()) > longest || assignment != (rollout.Assignment{}) {
				t.Fatalf("error of %d bytes, %.200v, is no PayloadError", len(err.Error()), err)
			}
			return
		}
		task, err := newTask(assignment)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseTask(task.Type(), task.Payload())
		if err != nil || again != assignment || task.Type() != kind {
			t.Fatalf("%+v came back as %+v of kind %q: %v", assignment, again, task.Type(), err)
		}
		var keys map[string]json.RawMessage // which encodes them sorted
		if err := json.Unmarshal(task.Payload(), &keys); err != nil {
			t.Fatal(err)
		}
		sorted, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseTask(kind, sorted); err != nil || again != assignment {
			t.Fatalf("%+v came back as %+v from %s: %v", assignment, again, sorted, err)
		}
	})
}
