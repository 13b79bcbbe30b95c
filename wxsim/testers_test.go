package wxsim

import (
	"fmt"
	"testing"
)

func TestTesters(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: maxTestedByOne + 1})
	id := AppID(0)
	bind := func(code int, appid, wechat string) string {
		t.Helper()
		user, _ := b.want(code, b.app(appid, "POST", "/wxa/bind_tester", obj{"wechatid": wechat}))["userstr"].(string)
		return user
	}
	unbind := func(code int, body obj) { t.Helper(); b.want(code, b.app(id, "POST", "/wxa/unbind_tester", body)) }
	members := func() int {
		t.Helper()
		return len(b.want(0, b.app(id, "POST", "/wxa/memberauth", obj{"action": "get_experiencer"}))["members"].([]any))
	}
	bind(89033, id, "")
	bind(85001, id, "no")
	bind(85001, id, "1starts-with-digit")
	ann := bind(0, id, "ann_tester")
	bind(85004, id, "ann_tester")
	if bob := bind(0, id, "bob_tester"); bob == ann || bob == "" {
		t.Error("two testers share a userstr")
	}
	unbind(89033, obj{})
	unbind(89034, obj{"userstr": "x"})
	unbind(85001, obj{"wechatid": "cat_tester"})
	unbind(0, obj{"userstr": ann})
	unbind(89034, obj{"userstr": ann})
	unbind(0, obj{"wechatid": "bob_tester"})
	if members() != 0 {
		t.Errorf("%d testers, want none", members())
	}
	b.want(40097, b.app(id, "POST", "/wxa/memberauth", obj{"action": "get"}))
	for n := range maxTesters {
		bind(0, id, fmt.Sprintf("tester_%d", n))
	}
	bind(85002, id, "one_more")
	for n := range maxTestedByOne {
		bind(0, AppID(n+1), "ann_tester")
	}
	unbind(0, obj{"wechatid": "tester_0"})
	bind(85003, id, "ann_tester")
	b.want(0, b.app(AppID(1), "POST", "/wxa/unbind_tester", obj{"wechatid": "ann_tester"}))
	bind(0, id, "ann_tester")
}
