package appconfig

import (
	"regexp"
	"slices"
)

// Limits of testers. The first differs by kind of owner and the second is not published; both are the simulator's choice.
const (
	maxTesters     = 90
	maxTestedByOne = 50
)

// Tester is a WeChat user who may open an app's trial version.
type Tester struct{ WeChat, User string }

// WeChatForm is the form of a WeChat id; any other does not exist.
var WeChatForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{5,19}$`)

// Bind adds a tester.
func (p *Platform) Bind(c *Config, t Tester) (code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case t.WeChat == "":
		return 89033
	case !WeChatForm.MatchString(t.WeChat):
		return 85001
	case slices.ContainsFunc(c.Testers, func(other Tester) bool { return other.WeChat == t.WeChat }):
		return 85004
	case len(c.Testers) >= maxTesters:
		return 85002
	case p.tested[t.WeChat] >= maxTestedByOne:
		return 85003
	}
	p.tested[t.WeChat]++
	c.Testers = append(c.Testers, t)
	return 0
}

// Unbind removes a tester: by WeChat id, or without one by userstr.
func (p *Platform) Unbind(c *Config, t Tester) (code int) {
	if t.WeChat == "" && t.User == "" {
		return 89033
	}
	i := slices.IndexFunc(c.Testers, func(other Tester) bool {
		return t.WeChat != "" && other.WeChat == t.WeChat || t.WeChat == "" && other.User == t.User
	})
	switch {
	case i < 0 && t.WeChat != "":
		return 85001
	case i < 0:
		return 89034
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tested[c.Testers[i].WeChat]--
	c.Testers = slices.Delete(c.Testers, i, i+1)
	return 0
}
