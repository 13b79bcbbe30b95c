package wxclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

func company() wxclient.Enterprise {
	return wxclient.Enterprise{Name: "某某公司", Code: "91440300MA5FXXXX0X", CodeType: wxclient.CodeCredit, LegalWeChat: "legal_person", LegalName: "张三"}
}

func TestCreationEndpoints(t *testing.T) {
	t.Parallel()
	converted := company()
	converted.LegalIDCard, converted.Phone = "440300199001011234", "020"
	const enterprise, personal = "/cgi-bin/component/fastregisterweapp", "/wxa/component/fastregisterpersonalweapp"
	runEndpoints(t, []endpointCase{
		{
			name: "trial",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.CreateTrial(ctx, "鲜花小店", "oA")
			},
			want:  got{"POST", "/wxa/component/fastregisterbetaweapp", componentQuery, `{"name":"鲜花小店","openid":"oA"}`},
			reply: `{"errcode":0,"unique_id":"u","authorize_url":"https://mp.weixin.qq.com/x?create_token=c"}`,
			out:   wxclient.TrialApp{UniqueID: "u", AuthorizeURL: "https://mp.weixin.qq.com/x?create_token=c"},
		},
		{
			name: "conversion",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.ConvertTrial(ctx, app, converted))
			},
			want: got{"POST", "/wxa/verifybetaweapp", appQuery, `{"verify_info":{"enterprise_name":"某某公司","code":"91440300MA5FXXXX0X","code_type":1,` +
				`"legal_persona_wechat":"legal_person","legal_persona_name":"张三","legal_persona_idcard":"440300199001011234","component_phone":"020"}}`},
			reply: ok,
		},
		{
			name: "enterprise",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.CreateEnterprise(ctx, company()))
			},
			want: got{"POST", enterprise, "action=create&component_access_token=cat-1",
				`{"name":"某某公司","code":"91440300MA5FXXXX0X","code_type":1,"legal_persona_wechat":"legal_person","legal_persona_name":"张三"}`},
			reply: ok,
		},
	})
	if got := (wxclient.TrialApp{AuthorizeURL: "https://mp.weixin.qq.com/x?create_token=c%2B1&y=2"}).CreateToken(); got != "c+1" {
		t.Errorf("create_token %q", got)
	}
	if got := (wxclient.TrialApp{AuthorizeURL: "\x01"}).CreateToken(); got != "" {
		t.Errorf("create_token %q of no URL", got)
	}
}

func TestCreationFaults(t *testing.T) {
	t.Parallel()
	trial := func(name, openid string) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.CreateTrial(ctx, name, openid)
			return err
		}
	}
	enterprise := func(change func(*wxclient.Enterprise)) func(context.Context, *wxclient.Client) error {
		e := company()
		change(&e)
		return func(ctx context.Context, c *wxclient.Client) error { return c.CreateEnterprise(ctx, e) }
	}
	runRefusals(t, []refusalCase{
		{"short name", "name has 3", trial("花小店", "oA")},
		{"long name", "name has 31", trial(strings.Repeat("花", 31), "oA")},
		{"no user", "openid is empty", trial("鲜花小店", "")},
		{"no company", "name is empty; code is empty", enterprise(func(e *wxclient.Enterprise) { *e = wxclient.Enterprise{} })},
		{"code type 4", "code_type is 4", enterprise(func(e *wxclient.Enterprise) { e.CodeType = 4 })},
		{"no legal person", "legal_persona_name is empty", enterprise(func(e *wxclient.Enterprise) { e.LegalName = "" })},
		{"no card", "legal_persona_idcard is empty", func(ctx context.Context, c *wxclient.Client) error { return c.ConvertTrial(ctx, app, company()) }},
	})
	runUnreadable(t, []unreadableCase{
		{"trial without id", trial("鲜花小店", "oA"), `{"errcode":0,"authorize_url":"x"}`, "lacks unique_id"},
	})
}

// TestPeopleAreNotRendered: no card number gets into a text, not even when WeChat repeats it.
func TestPeopleAreNotRendered(t *testing.T) {
	t.Parallel()
	e := company()
	e.LegalIDCard = "440300199001011234"
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	c, _, _ := setup(t, `{"errcode":89253,"errmsg":"idcard 440300199001011234 is wrong"}`)
	err = c.ConvertTrial(t.Context(), app, e)
	noSecret(t, fmt.Sprintf("%v %+v %#v %s %v", e, e, e, text, err), e.LegalIDCard)
}
