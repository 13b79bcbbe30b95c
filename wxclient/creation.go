package wxclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Limits of a trial app's name, in characters.
const (
	minTrialName = 4
	maxTrialName = 30
)

// TrialApp is a trial mini program that waits for its user.
type TrialApp struct {
	// UniqueID comes back in the callback notify_third_fastregisterbetaapp.
	UniqueID string
	// AuthorizeURL is the page on which the user agrees, within 24 hours.
	AuthorizeURL string
}

// CreateToken is the create_token of the URL, for the plugin that shows the page inside an app; empty
// if there is none.
func (t TrialApp) CreateToken() string {
	u, err := url.Parse(t.AuthorizeURL)
	if err != nil {
		return ""
	}
	return u.Query().Get("create_token")
}

type trialReply struct {
	ID  string `json:"unique_id" need:"yes"`
	URL string `json:"authorize_url" need:"yes"`
}

const trialPath = "/wxa/component/fastregisterbetaweapp"

// CheckTrial returns the *InvalidRequestError that CreateTrial would return without a call, or nil.
func CheckTrial(name, openid string) error {
	var faults []error
	if n := utf8.RuneCountInString(name); n < minTrialName || n > maxTrialName {
		faults = append(faults, fmt.Errorf("name has %d characters, want %d to %d", n, minTrialName, maxTrialName))
	}
	if openid == "" {
		faults = append(faults, errors.New("openid is empty"))
	}
	if err := wire.OneLine(faults); err != nil {
		return &InvalidRequestError{Endpoint: trialPath, Problem: err.Error()}
	}
	return nil
}

// CreateTrial creates a trial mini program for a WeChat user (an openid of the component's). WeChat
// adds a suffix to the name, 4 to 30 characters. When the user has agreed, two callbacks follow:
// notify_third_fastregisterbetaapp, then authorized. Audits fail until the app is converted and
// renamed (86020).
//
// WeChat page: api_registerbetaminiprogram. Codes: 61071 the user has 5 already, 86011 name has a
// protected word, 86012 openid, 86017 name's length, 91030 5 a day for one WeChat id.
func (c *Client) CreateTrial(ctx context.Context, name, openid string) (TrialApp, error) {
	if err := CheckTrial(name, openid); err != nil {
		return TrialApp{}, err
	}
	var reply trialReply
	err := c.wire.Call(ctx, wire.Post(trialPath, struct {
		Name   string `json:"name"`
		OpenID string `json:"openid"`
	}{name, openid}), &reply)
	return TrialApp{UniqueID: reply.ID, AuthorizeURL: reply.URL}, err
}

// CodeType is the kind of an enterprise's code.
type CodeType int

// The kinds.
const (
	// CodeCredit is the unified social credit code, 18 characters.
	CodeCredit CodeType = 1
	// CodeOrganization is the organization code, 9 digits like xxxxxxxx-x.
	CodeOrganization CodeType = 2
	// CodeLicense is the business license number, 15 digits.
	CodeLicense CodeType = 3
)

// Enterprise is the owner of a mini program, as in the register of companies.
type Enterprise struct {
	// Name is the registered name; for a trader without one 个体户 and the legal person's name.
	Name string
	// Code is the enterprise's code, CodeType its kind.
	Code     string
	CodeType CodeType
	// LegalWeChat and LegalName are the legal person's WeChat id and name.
	LegalWeChat, LegalName string
	// LegalIDCard is the legal person's identity card number, only for ConvertTrial: personal data that
	// appears in no error.
	LegalIDCard string `json:"-"`
	// Phone is the component's; may be empty.
	Phone string
}

// String renders the enterprise without its people.
func (e Enterprise) String() string { return "enterprise " + e.Name }

// GoString is String, so that %#v shows nothing else either.
func (e Enterprise) GoString() string { return e.String() }

func (e Enterprise) faults() []error {
	var faults []error
	for _, f := range []struct{ name, value string }{
		{"name", e.Name}, {"code", e.Code}, {"legal_persona_wechat", e.LegalWeChat}, {"legal_persona_name", e.LegalName},
	} {
		if f.value == "" {
			faults = append(faults, fmt.Errorf("%s is empty", f.name))
		}
	}
	if e.CodeType < CodeCredit || e.CodeType > CodeLicense {
		faults = append(faults, fmt.Errorf("code_type is %d, want 1 to 3", e.CodeType))
	}
	return faults
}

// Check returns the *InvalidRequestError that CreateEnterprise, or with convert ConvertTrial, would
// return without a call, or nil.
func (e Enterprise) Check(convert bool) error {
	faults, path := e.faults(), enterprisePath
	if convert {
		path = convertPath
		if e.LegalIDCard == "" {
			faults = append(faults, errors.New("legal_persona_idcard is empty"))
		}
	}
	if err := wire.OneLine(faults); err != nil {
		return &InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	return nil
}

const convertPath = "/wxa/verifybetaweapp"

// ConvertTrial converts a trial app to an enterprise's app. WeChat asks the legal person for a face
// check; the callback notify_third_fastverifybetaapp reports the result. The name keeps its suffix:
// rename the app afterwards. It needs permission set 81.
//
// WeChat page: api_verifybetaminiprogram. Codes: 86004 WeChat id, 89248 code_type, 89249 runs already,
// 89255 code.
func (c *Client) ConvertTrial(ctx context.Context, appid string, e Enterprise) error {
	if err := e.Check(true); err != nil {
		return err
	}
	type info struct {
		Name        string   `json:"enterprise_name"`
		Code        string   `json:"code"`
		CodeType    CodeType `json:"code_type"`
		LegalWeChat string   `json:"legal_persona_wechat"`
		LegalName   string   `json:"legal_persona_name"`
		LegalIDCard string   `json:"legal_persona_idcard"`
		Phone       string   `json:"component_phone,omitempty"`
	}
	r := wire.Post(convertPath, struct {
		Info info `json:"verify_info"`
	}{info(e)})
	r.Secrets = []string{e.LegalIDCard}
	return c.wire.CallApp(ctx, appid, r, nil)
}

const enterprisePath = "/cgi-bin/component/fastregisterweapp"

// oldToken prepares a call whose token has its old name.
func oldToken(path, action string, body any) wire.Request {
	r := wire.Post(path, body)
	r.Query = url.Values{"action": {action}}
	r.TokenName = "component_access_token"
	return r
}

// CreateEnterprise creates a mini program for an enterprise. The legal person must agree and pass a
// face check within 24 hours; the callback notify_third_fasteregister reports the result, with an
// authorization code. One creation per enterprise at a time.
//
// WeChat page: api_registerminiprogram. Codes: 61070 name and WeChat id differ, 86004 WeChat id, 89247,
// 89248 code_type, 89249 runs already, 89252, 89253 fields missing, 89254 the component's permission
// sets are incomplete, 89255 code.
func (c *Client) CreateEnterprise(ctx context.Context, e Enterprise) error {
	if err := e.Check(false); err != nil {
		return err
	}
	return c.wire.Call(ctx, oldToken(enterprisePath, "create", struct {
		Name        string   `json:"name"`
		Code        string   `json:"code"`
		CodeType    CodeType `json:"code_type"`
		LegalWeChat string   `json:"legal_persona_wechat"`
		LegalName   string   `json:"legal_persona_name"`
		Phone       string   `json:"component_phone,omitempty"`
	}{e.Name, e.Code, e.CodeType, e.LegalWeChat, e.LegalName, e.Phone}), nil)
}
