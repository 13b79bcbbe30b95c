package human

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("count %d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m", 200 * time.Minute: "3h20m", 50 * time.Hour: "2d02h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("span %v: %s, want %s", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := Table([]string{"a", "b"}, [][]string{{"店铺", "x"}, {"y\x1b[2J\nz", "w"}, {"last", ""}})
	if want := "A        B\n店铺     x\ny [2J z  w\nlast\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Table(nil, nil); got != "" {
		t.Errorf("an empty table is %q", got)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := Markdown([]string{"a", "b"}, [][]string{{"x|y", "<b>\r\nz"}})
	if want := "| a | b |\n| --- | --- |\n| x\\|y | &lt;b>  z |\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"short": "short", "店铺一二三": "店铺…", "12345678": "12345…", "a\nb": "a b"} {
		if got := Shorten(text, 6); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 targets", 1: "1 target", 2000: "2,000 targets"} {
		if got := Plural(n, "target"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
