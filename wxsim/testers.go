package wxsim

import (
	"regexp"
	"slices"
	"sync"
)

// Limits of testers. The first differs by kind of owner and the second is not published; these are the simulator's.
const (
	maxTesters     = 90
	maxTestedByOne = 50
)

// tester is a WeChat user who may open an app's trial version.
type tester struct{ wechat, user string }

// testerCount counts how many apps each WeChat user tests.
type testerCount struct {
	mu sync.Mutex
	n  map[string]int
}

// add changes a user's count unless it would pass the limit.
func (t *testerCount) add(wechat string, by int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int{}
	}
	if by > 0 && t.n[wechat] >= maxTestedByOne {
		return false
	}
	t.n[wechat] += by
	return true
}

// wechatForm is what a WeChat id looks like; any other does not exist.
var wechatForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{5,19}$`)

// bindTester plays bind_tester.
func (c *call) bindTester() reply {
	id, ok := c.f.text("wechatid")
	a := c.app
	switch {
	case !ok:
		return failure(47001)
	case id == "":
		return failure(89033)
	case !wechatForm.MatchString(id):
		return failure(85001)
	case slices.ContainsFunc(a.testers, func(t tester) bool { return t.wechat == id }):
		return failure(85004)
	case len(a.testers) >= maxTesters:
		return failure(85002)
	case !c.sim.tested.add(id, 1):
		return failure(85003)
	}
	t := tester{wechat: id, user: opaque(c.set.Seed, "tester", a.id+id, 0, 40)}
	a.testers = append(a.testers, t)
	return success(payload{"userstr": t.user})
}

// unbindTester plays unbind_tester: by WeChat id or by userstr.
func (c *call) unbindTester() reply {
	id, ok := c.f.text("wechatid")
	user, ok2 := c.f.text("userstr")
	switch {
	case !ok || !ok2:
		return failure(47001)
	case id == "" && user == "":
		return failure(89033)
	}
	a := c.app
	i := slices.IndexFunc(a.testers, func(t tester) bool { return id != "" && t.wechat == id || id == "" && t.user == user })
	switch {
	case i < 0 && id != "":
		return failure(85001)
	case i < 0:
		return failure(89034)
	}
	c.sim.tested.add(a.testers[i].wechat, -1)
	a.testers = slices.Delete(a.testers, i, i+1)
	return success(nil)
}

// memberAuth plays memberauth.
func (c *call) memberAuth() reply {
	action, ok := c.f.text("action")
	switch {
	case !ok:
		return failure(47001)
	case action != "get_experiencer":
		return failure(40097)
	}
	members := []payload{}
	for _, t := range c.app.testers {
		members = append(members, payload{"userstr": t.user})
	}
	return success(payload{"members": members})
}
