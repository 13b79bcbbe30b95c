package registry

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestCacheRefusals(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := newCache(func() time.Time { return now })
	token := func() string { e, _ := c.get("k"); return e.token }
	c.put("k", "new", nil, time.Hour)
	c.refuse("k", "old") // replaced meanwhile
	if token() != "new" || c.refused("k", "old") {
		t.Errorf("a refusal of an older token took %q", token())
	}
	c.refuse("k", "new")
	c.put("k", "new", nil, time.Hour) // a goroutine that read it before
	if token() != "" || !c.refused("k", "new") {
		t.Error("a refused token came back")
	}
	c.put("k", "newer", nil, time.Hour)
	if token() != "newer" || c.refused("k", "new") {
		t.Errorf("got %q", token())
	}
	c.refuse("k", "newer")
	now = now.Add(refusalMemory)
	if c.refused("k", "newer") || c.refused("k", "") {
		t.Error("a refusal is remembered for ever")
	}
	fault := errors.New("x")
	c.put("k", "", fault, time.Second)
	if e, ok := c.get("k"); !ok || !errors.Is(e.err, fault) {
		t.Errorf("the failure is %v", e.err)
	}
	c.clear("k")
	if _, ok := c.get("k"); ok {
		t.Error("not cleared")
	}
}

func TestCacheForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := newCache(func() time.Time { return now })
	for i := range 3 * cacheSweepAt {
		c.put(strconv.Itoa(i), "token", nil, time.Second)
		if i%100 == 0 {
			now = now.Add(time.Second)
		}
	}
	if n := len(c.entries); n > cacheSweepAt {
		t.Errorf("%d entries for 100 that live", n)
	}
}
