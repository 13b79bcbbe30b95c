package selector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout/selector"
)

// lookup makes a Match function of key, value pairs.
func lookup(pairs ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	app := lookup("tier", "gold", "region", "north china", "old", "", "in", "x", "店", "茶,馆", "a b", "c")
	for _, tc := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"  ", true},
		{"tier=gold", true},
		{" tier == gold ", true},
		{"tier=silver", false},
		{"tier!=silver", true},
		{"tier!=gold", false},
		{"none!=gold", true},
		{"none=gold", false},
		{"none=", true},
		{"old=", true},
		{"tier=", false},
		{"tier", true},
		{"old", false},
		{"none", false},
		{"!none", true},
		{"! old", true},
		{"!tier", false},
		{"tier in (silver, gold)", true},
		{"tier in(silver)", false},
		{"tier notin (silver)", true},
		{"tier notin (silver,gold)", false},
		{"none notin (a)", true},
		{"old in (,a)", true},
		{"region=north china", true},
		{`region="north china"`, true},
		{"tier=gold,region!=test", true},
		{"tier=gold,region=test", false},
		{"in", true},
		{"in in (x)", true},
		{"in=x", true},
		{`店="茶,馆"`, true},
		{`"a b"=c`, true},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			s, err := selector.Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Match(app); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			again, err := selector.Parse(s.String())
			if err != nil || again.String() != s.String() || again.Match(app) != tc.want {
				t.Errorf("%q does not read back: %q %v", s, again, err)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		at   int
		msg  string
	}{
		{",", 0, "column name"},
		{"=gold", 0, "column name"},
		{"!", 1, "column name"},
		{"tier=gold,", 10, "requirement after the comma"},
		{"tier gold", 5, "comma between"},
		{"tier=gold=silver", 9, "comma between"},
		{"!tier=gold", 5, "comma between"},
		{"tier in gold", 8, "( and a list"},
		{"tier in (gold", 13, "comma or )"},
		{"tier in (gold;silver)x", 21, "comma between"},
		{`tier="gold`, 5, "closing quote"},
		{"tier>3", 4, "comma between"},
		{"has:col?", 3, "comma between"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			s, err := selector.Parse(tc.text)
			var fault *selector.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v and %v, want a *Error", s, err)
			}
			if fault.At != tc.at || !strings.Contains(fault.Error(), tc.msg) {
				t.Errorf("got %d %v, want %d %s", fault.At, fault, tc.at, tc.msg)
			}
		})
	}
}

// TestReadsBack: any key and values, written as a selector by String,
// mean the same again.
func TestReadsBack(t *testing.T) {
	t.Parallel()
	word := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune(`a,()"=! \`))))
	rapid.Check(t, func(t *rapid.T) {
		key, value := "k"+word.Draw(t, "key"), word.Draw(t, "value")
		op := rapid.SampledFrom([]string{"=", "!=", " in (", " notin ("}).Draw(t, "op")
		text := fmt.Sprintf("%q%s%q", key, op, value)
		if strings.HasSuffix(op, "(") {
			text += ")"
		}
		s, err := selector.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := selector.Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%s became %s and then %s, %v", text, s, again, err)
		}
		positive := !strings.Contains(op, "!") && !strings.Contains(op, "not")
		if got := again.Match(lookup(key, value)); got != positive {
			t.Fatalf("%s gives %v for its own value", again, got)
		}
		if got := again.Match(lookup(key, value+"x")); got == positive {
			t.Fatalf("%s gives %v for another value", again, got)
		}
	})
}

func FuzzSelector(f *testing.F) {
	f.Add("tier=gold,region!=test")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := selector.Parse(text)
		if err != nil {
			_ = err.Error() // slices the text: must not panic
			return
		}
		again, err := selector.Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q became %q and then %q, %v", text, s, again, err)
		}
	})
}

func ExampleParse() {
	s, err := selector.Parse("tier in (gold, silver), region!=test")
	if err != nil {
		fmt.Println(err)
		return
	}
	app := map[string]string{"tier": "gold", "region": "north"}
	get := func(key string) (string, bool) { v, ok := app[key]; return v, ok }
	fmt.Println(s, s.Match(get))

	_, err = selector.Parse("tier=gold and more=less")
	fmt.Println(err)
	// Output:
	// tier in (gold,silver),region!=test true
	// selector "tier=gold and more=less": want a comma between requirements at "=less"
}
