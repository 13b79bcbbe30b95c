package wxclient

import (
	"context"
	"fmt"
	"slices"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// OptionToken selects the token of the option calls. WeChat's documents contradict each other: try one
// against the live service before relying on it.
type OptionToken int

const (
	// OptionByApp follows the current documents: the app's token, and no appid in the body.
	OptionByApp OptionToken = iota
	// OptionByComponent follows the old documents and most SDKs: the component's token, and both appids
	// in the body. Use it when OptionByApp is refused with 61014.
	OptionByComponent
)

// optionValues are the options of an account and their values.
var optionValues = map[string][]string{
	"location_report":  {"0", "1", "2"},
	"voice_recognize":  {"0", "1"},
	"customer_service": {"0", "1"},
}

type optionBody struct {
	Component  string `json:"component_appid,omitempty"`
	Authorizer string `json:"authorizer_appid,omitempty"`
	Name       string `json:"option_name"`
	Value      string `json:"option_value,omitempty"`
}

// option makes one of the two calls. Only the read answers without an errcode.
func (c *Client) option(ctx context.Context, path, appid string, body optionBody, via OptionToken, out any) error {
	if _, known := optionValues[body.Name]; !known {
		return &InvalidRequestError{Endpoint: path, Problem: fmt.Sprintf("option %q is none of location_report, voice_recognize, customer_service", body.Name)}
	}
	if via == OptionByApp {
		return c.wire.CallApp(ctx, appid, optionCall(path, body, out), out)
	}
	if appid == "" {
		return &InvalidRequestError{Endpoint: path, Problem: "appid is empty"}
	}
	body.Component, body.Authorizer = c.wire.Component(), appid
	return c.wire.CallComponent(ctx, optionCall(path, body, out), out)
}

func optionCall(path string, body optionBody, out any) wire.Request {
	r := wire.Post(path, body)
	r.Bare = out != nil
	return r
}

type optionReply struct {
	Value *wire.LooseText `json:"option_value" need:"yes"`
}

// AuthorizerOption reads an option of an account: location_report (0 never, 1 on entering a
// conversation, 2 every 5 seconds), voice_recognize or customer_service (0 off, 1 on). Nothing in
// them concerns a mini program's code.
//
// WeChat page: api_getauthorizeroptioninfo. Codes: 61012 no such option, 61014 and 61015 the other token.
func (c *Client) AuthorizerOption(ctx context.Context, appid, name string, via OptionToken) (value string, err error) {
	var reply optionReply
	err = c.option(ctx, "/cgi-bin/component/get_authorizer_option", appid, optionBody{Name: name}, via, &reply)
	if err != nil {
		return "", err
	}
	return string(*reply.Value), nil
}

// SetAuthorizerOption sets an option of an account, see AuthorizerOption.
//
// WeChat page: api_setauthorizeroptioninfo. Codes: 61012 no such option, 61013 no such value, 61025
// read-only, 61014 and 61015 the other token.
func (c *Client) SetAuthorizerOption(ctx context.Context, appid, name, value string, via OptionToken) error {
	const path = "/cgi-bin/component/set_authorizer_option"
	if values, known := optionValues[name]; known && !slices.Contains(values, value) {
		return &InvalidRequestError{Endpoint: path, Problem: fmt.Sprintf("%s is %q, want one of %q", name, value, values)}
	}
	return c.option(ctx, path, appid, optionBody{Name: name, Value: value}, via, nil)
}
