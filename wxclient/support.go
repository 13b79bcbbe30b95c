package wxclient

import (
	"context"
)

type callbackIPReply struct {
	List []string `json:"ip_list"`
}

func (r *callbackIPReply) check() error {
	if len(r.List) == 0 {
		return missing("ip_list")
	}
	return nil
}

// CallbackIPs lists the addresses WeChat pushes from, for a firewall in front of the callback. Read
// it daily: addresses come and go.
//
// WeChat page: api_getcallbackip. Codes: 40013, 48001.
func (c *Client) CallbackIPs(ctx context.Context) ([]string, error) {
	var reply callbackIPReply
	if err := c.call(ctx, get("/cgi-bin/getcallbackip").withoutErrcode(), &reply); err != nil {
		return nil, err
	}
	return reply.List, nil
}

// RequestRecord is what WeChat kept of a refused call. Tokens and secrets are taken out of its texts.
type RequestRecord struct {
	// InvokedAt is when the call came in, in unix seconds; CostMS how long it took, in milliseconds.
	InvokedAt, CostMS int64
	// Query is the query of the URL, Body what was posted, Reply what was answered.
	Query, Body, Reply string
	// ClientIP is the address the call came from.
	ClientIP string
}

type recordReply struct {
	Request *struct {
		InvokedAt integer   `json:"invoke_time"`
		CostMS    integer   `json:"cost_in_ms"`
		Query     looseText `json:"request_url"`
		Body      looseText `json:"request_body"`
		Reply     looseText `json:"response_body"`
		ClientIP  looseText `json:"client_ip"`
	} `json:"request"`
}

func (r *recordReply) check() error {
	if r.Request == nil {
		return missing("request")
	}
	return nil
}

// RequestByID reads back a call that WeChat refused, by the rid of its Error, for 7 days. appid is
// the app whose token the refused call carried, "" for the component's.
//
// WeChat page: get_rid_info. Codes: 76001 no such rid, 76002 malformed, 76003 of another account,
// 76004 older than 7 days.
func (c *Client) RequestByID(ctx context.Context, appid, rid string) (RequestRecord, error) {
	const path = "/cgi-bin/openapi/rid/get"
	if rid == "" {
		return RequestRecord{}, &InvalidRequestError{Endpoint: path, Problem: "rid is empty"}
	}
	var reply recordReply
	r := post(path, struct {
		RID string `json:"rid"`
	}{rid})
	r.appid = appid
	if err := c.call(ctx, r, &reply); err != nil {
		return RequestRecord{}, err
	}
	kept := reply.Request
	clean := func(text looseText) string { return scrub(string(text), nil) }
	return RequestRecord{
		InvokedAt: int64(kept.InvokedAt), CostMS: int64(kept.CostMS),
		Query: clean(kept.Query), Body: clean(kept.Body), Reply: clean(kept.Reply), ClientIP: string(kept.ClientIP),
	}, nil
}

// ClearQuota sets the daily call counts of an account back to zero: of an app, or of the component
// when appid is empty. Each account may do so 10 times a month, ClearQuotaBySecret included.
//
// WeChat page: api_clearquota. Codes: 48006 the 10 are used up, 49001 token of another account.
func (c *Client) ClearQuota(ctx context.Context, appid string) error {
	const path = "/cgi-bin/clear_quota"
	account := appid
	if account == "" {
		if err := c.needComponent(path); err != nil {
			return err
		}
		account = c.component
	}
	r := post(path, struct {
		AppID string `json:"appid"`
	}{account})
	r.appid = appid
	return c.call(ctx, r, nil)
}

// ClearQuotaBySecret is ClearQuota for when no token can be had any more because the calls that
// give tokens are used up (45009). appid may be empty: then it is for the component itself.
//
// WeChat page: api_componentclearquota_v2. Codes: 48006 the 10 a month are used up, 43007 the app
// isn't authorized, 40013, 41002, 41004.
func (c *Client) ClearQuotaBySecret(ctx context.Context, secret, appid string) error {
	r := post("/cgi-bin/component/clear_quota/v2", struct {
		Component string `json:"component_appid"`
		AppID     string `json:"appid,omitempty"`
		Secret    string `json:"appsecret"`
	}{c.component, appid, secret})
	r.appid = appid
	r.secrets = []string{secret}
	return c.callWith(ctx, r, "", nil)
}
