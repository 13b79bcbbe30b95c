package configapi

import (
	"context"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

type testerReply struct {
	User string `json:"userstr" need:"yes"`
}

// BindTester lets a WeChat user open the app's trial version. The returned userstr identifies the user
// in UnbindTester and Testers. The app's administrator always is a tester.
//
// WeChat page: api_bindtester. Codes: 85001 no such user, 85002 the app has too many, 85003 the user
// tests too many apps, 85004 bound already.
func (c Calls) BindTester(ctx context.Context, appid, wechatID string) (user string, err error) {
	const path = "/wxa/bind_tester"
	if wechatID == "" {
		return "", &errcode.InvalidRequestError{Endpoint: path, Problem: "wechatid is empty"}
	}
	var reply testerReply
	err = c.wire.CallApp(ctx, appid, wire.Post(path, testerRef{WeChatID: wechatID}), &reply)
	return reply.User, err
}

type testerRef struct {
	WeChatID string `json:"wechatid,omitempty"`
	User     string `json:"userstr,omitempty"`
}

// UnbindTester removes a tester by WeChat id or, if that is empty, by userstr.
//
// WeChat page: api_unbindtester. Codes: 85001, 89033 both empty, 89034 no such userstr.
func (c Calls) UnbindTester(ctx context.Context, appid, wechatID, user string) error {
	const path = "/wxa/unbind_tester"
	ref := testerRef{WeChatID: wechatID}
	switch {
	case wechatID == "" && user == "":
		return &errcode.InvalidRequestError{Endpoint: path, Problem: "wechatid and userstr are empty"}
	case wechatID == "":
		ref.User = user
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, ref), nil)
}

type testersReply struct {
	Members []testerReply `json:"members" need:"yes"`
}

// Testers lists the userstrs of the app's testers.
//
// WeChat page: api_gettester. Codes: -1.
func (c Calls) Testers(ctx context.Context, appid string) ([]string, error) {
	var reply testersReply
	err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/memberauth", struct {
		Action string `json:"action"`
	}{"get_experiencer"}), &reply)
	if err != nil {
		return nil, err
	}
	users := make([]string, 0, len(reply.Members))
	for _, m := range reply.Members {
		users = append(users, m.User)
	}
	return users, nil
}
