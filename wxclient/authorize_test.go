package wxclient_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

func goodPage() wxclient.AuthorizePage {
	return wxclient.AuthorizePage{
		Component: component, PreAuthCode: "preauthcode@@@1", Redirect: "https://me.example.com/back?x=1&y=2",
		Accounts: wxclient.AuthMiniProgram, Sets: []int64{18, 25},
	}
}

func TestAuthorizePages(t *testing.T) {
	t.Parallel()
	const query = "auth_type=2&category_id_list=18%7C25&component_appid=wxcomponent"
	const rest = "&pre_auth_code=preauthcode%40%40%401&redirect_uri=https%3A%2F%2Fme.example.com%2Fback%3Fx%3D1%26y%3D2"
	pinned := goodPage()
	pinned.Accounts, pinned.App, pinned.Sets = 0, app, nil
	for _, tc := range []struct {
		name string
		url  func() (string, error)
		want string
	}{
		{"PC", goodPage().PC, "https://mp.weixin.qq.com/cgi-bin/componentloginpage?" + query + rest},
		{"H5", goodPage().H5, "https://open.weixin.qq.com/wxaopen/safe/bindcomponent?action=bindcomponent&" + query + "&no_scan=1" + rest + "#wechat_redirect"},
		{"old H5", goodPage().OldH5, "https://mp.weixin.qq.com/safe/bindcomponent?action=bindcomponent&" + query + "&no_scan=1" + rest + "#wechat_redirect"},
		{"pinned", pinned.PC, "https://mp.weixin.qq.com/cgi-bin/componentloginpage?biz_appid=" + app + "&component_appid=wxcomponent" + rest},
	} {
		got, err := tc.url()
		if err != nil || got != tc.want {
			t.Errorf("%s\n got %s, %v\nwant %s", tc.name, got, err, tc.want)
		}
	}
}

// TestAuthorizePageFaults: a page that WeChat would refuse isn't made, and every fault is reported at once.
func TestAuthorizePageFaults(t *testing.T) {
	t.Parallel()
	for problem, change := range map[string]func(*wxclient.AuthorizePage){
		"component's appid is empty": func(p *wxclient.AuthorizePage) { p.Component = "" },
		"pre-auth code is empty":     func(p *wxclient.AuthorizePage) { p.PreAuthCode = "" },
		"redirect is not":            func(p *wxclient.AuthorizePage) { p.Redirect = "/back" },
		"auth_type is 7":             func(p *wxclient.AuthorizePage) { p.Accounts = 7 },
		"auth_type is 0":             func(p *wxclient.AuthorizePage) { p.Accounts = 0 },
		"exclude each other":         func(p *wxclient.AuthorizePage) { p.App = app },
		"permission set -1":          func(p *wxclient.AuthorizePage) { p.Sets = []int64{-1} },
	} {
		page := goodPage()
		change(&page)
		for name, url := range map[string]func() (string, error){"PC": page.PC, "H5": page.H5, "old H5": page.OldH5} {
			_, err := url()
			var invalid *wxclient.InvalidRequestError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: got %v, want %q", name, err, problem)
			}
		}
	}
	_, err := wxclient.AuthorizePage{}.PC()
	if err == nil || strings.Count(err.Error(), ";") != 3 {
		t.Errorf("got %v, want four faults at once", err)
	}
	noSecret(t, fmt.Sprintf("%v %+v %#v", goodPage(), goodPage(), goodPage()), "preauthcode@@@1")
}
