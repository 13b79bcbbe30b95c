package chance

import (
	"testing"
	"time"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Range{
		"2s": {2 * time.Second, 2 * time.Second}, "1s-3s": {time.Second, 3 * time.Second}, "0s": {}, "1ms-1h": {time.Millisecond, time.Hour},
	} {
		got, err := ParseRange(text)
		if err != nil || got != want || got.String() != mustRange(t, got.String()).String() {
			t.Errorf("ParseRange(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2", "3s-1s", "1s-", "-1s-2s", "a-b"} {
		if got, err := ParseRange(text); err == nil {
			t.Errorf("ParseRange(%q) = %v, want an error", text, got)
		}
	}
	r := Range{time.Second, 3 * time.Second}
	if r.At(0) != time.Second || r.At(0.5) != 2*time.Second {
		t.Errorf("at(0) = %v, at(0.5) = %v", r.At(0), r.At(0.5))
	}
}

func mustRange(t *testing.T, text string) Range {
	t.Helper()
	r, err := ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
