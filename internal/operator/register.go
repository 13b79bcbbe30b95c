package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Registered is what asking for an app came to: somebody has to agree now.
type Registered struct {
	Registration
	// Link is where the user of a trial app agrees, CreateToken the part of it that the
	// service provider's plugin takes. Both are shown once and kept nowhere: who has them
	// can agree.
	Link        string `json:"link,omitempty"`
	CreateToken string `json:"create_token,omitempty"`
}

// Registration is a registration as lists show it.
type Registration struct {
	Kind  apps.Kind              `json:"kind"`
	ID    string                 `json:"id"`
	Name  string                 `json:"name,omitempty"`
	State apps.RegistrationState `json:"state"`
	// AppID is what came of it; "" if nothing did yet.
	AppID string `json:"appid,omitempty"`
	// Asked is when WeChat was asked, Until when WeChat stops waiting, Ended when it ended.
	Asked time.Time `json:"asked,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	// Status is WeChat's number of how it ended, Refused the errcode of a call that was
	// refused; Text is what WeChat said.
	Status  int64  `json:"status,omitempty"`
	Refused int64  `json:"errcode,omitempty"`
	Text    string `json:"text,omitempty"`
	// Next is what to do; "" for nothing.
	Next string `json:"next,omitempty"`
}

func registrationView(r apps.Registration, now time.Time) Registration {
	v := Registration{
		Kind: r.Kind, ID: r.ID, Name: r.Name, State: r.State(now), AppID: r.AppID, Asked: r.Asked.Time(), Ended: r.Ended.Time(),
		By: r.By, Why: r.Why, Status: r.Status, Refused: r.Refused, Text: r.Text, Next: registrationNext(r, now),
	}
	if r.Asked != 0 && r.Ended == 0 {
		v.Until = r.Asked.Time().Add(apps.RegistrationLife)
	}
	return v
}

// RegisterTrial asks for a trial app for a WeChat user, an openid of the platform's. When
// the reply is lost, the app may be there: the push tells of it.
func (o *Operator) RegisterTrial(ctx context.Context, name, openID, why string) (Registered, error) {
	if name == "" || openID == "" {
		return Registered{}, errors.New("register a trial app: the name or the openid is empty")
	}
	wx, err := o.online("register a trial app")
	if err != nil {
		return Registered{}, err
	}
	trial, err := wx.RegisterTrial(ctx, name, openID)
	if err != nil {
		return Registered{}, registrationError(apps.KindTrial, err)
	}
	out := Registered{Link: trial.AuthorizeURL, CreateToken: trial.CreateToken()}
	out.Registration, err = o.asked(ctx, apps.KindTrial, trial.UniqueID, name, why)
	return out, err
}

// RegisterEnterprise asks for an app of an enterprise, whose legal person has to agree.
func (o *Operator) RegisterEnterprise(ctx context.Context, e wxclient.Enterprise, why string) (Registered, error) {
	if err := e.Check(false); err != nil {
		return Registered{}, err
	}
	wx, err := o.online("register an app")
	if err != nil {
		return Registered{}, err
	}
	return o.askFirst(ctx, apps.KindEnterprise, e.Code, e.Name, why, func() error { return wx.RegisterEnterprise(ctx, e) })
}

// ConvertTrial asks to make a trial app its enterprise's own.
func (o *Operator) ConvertTrial(ctx context.Context, appID string, e wxclient.Enterprise, why string) (Registered, error) {
	if err := e.Check(true); err != nil {
		return Registered{}, err
	}
	wx, err := o.online("convert a trial app")
	if err != nil {
		return Registered{}, err
	}
	return o.askFirst(ctx, apps.KindConversion, appID, e.Name, why, func() error { return wx.ConvertTrial(ctx, appID, e) })
}

// codeRuns is WeChat's answer while an earlier registration of the same owner waits.
const codeRuns = 89249

// askFirst notes the asking before the call: a reply that is lost leaves it waiting, and
// the push finds it. A refusal ends it, unless it says that one runs already.
func (o *Operator) askFirst(ctx context.Context, kind apps.Kind, id, name, why string, call func() error) (Registered, error) {
	noted, err := o.asked(ctx, kind, id, name, why)
	if err != nil {
		return Registered{}, err
	}
	err = call()
	refusal := (*wxclient.Error)(nil)
	refused := errors.As(err, &refusal) && refusal.Code != codeRuns
	if (refused || errors.As(err, new(*wxclient.NotSentError))) && !wxclient.IsOutcomeUnknown(err) {
		code, text := int64(-1), err.Error()
		if refused {
			code, text = refusal.Code, refusal.Msg
		}
		if _, noteErr := o.apps.ChangeRegistration(ctx, kind, id, func(r *apps.Registration) bool { return r.Refuse(apps.At(o.now()), code, text) }); noteErr != nil {
			err = errors.Join(err, noteErr)
		}
	}
	if err != nil {
		return Registered{}, registrationError(kind, err)
	}
	return Registered{Registration: noted}, nil
}

// asked notes that WeChat is asked.
func (o *Operator) asked(ctx context.Context, kind apps.Kind, id, name, why string) (Registration, error) {
	now := o.now()
	r, err := o.apps.ChangeRegistration(ctx, kind, id, func(r *apps.Registration) bool { return r.Ask(apps.At(now), name, o.by, why) })
	return registrationView(r, now), err
}

// registrationError says what to do about a call that failed.
func registrationError(kind apps.Kind, err error) error {
	if wxclient.IsOutcomeUnknown(err) {
		return fmt.Errorf("register (%s): %w; it may have begun all the same: enqueue apps registrations shows it once WeChat's push comes", kind, err)
	}
	refusal := (*wxclient.Error)(nil)
	if next := ""; errors.As(err, &refusal) {
		if next = refusedNext(refusal.Code); next != "" {
			return fmt.Errorf("register (%s): %w: %s", kind, err, next)
		}
	}
	return fmt.Errorf("register (%s): %w", kind, err)
}

// Registrations lists the registrations, the newest first; waiting leaves out those that
// ended.
func (o *Operator) Registrations(ctx context.Context, waiting bool) ([]Registration, error) {
	found, err := o.apps.Registrations(ctx)
	if err != nil {
		return nil, err
	}
	var list []Registration
	for _, r := range found {
		if v := registrationView(r, o.now()); !waiting || v.Ended.IsZero() {
			list = append(list, v)
		}
	}
	return list, nil
}

// RegistrationEnd is WeChat's push of how a registration ended.
type RegistrationEnd struct {
	Kind apps.Kind
	// ID names it as apps.Kind says; "" if the push doesn't tell.
	ID          string
	AppID, Name string
	// Status is WeChat's number, 0 for well, and Text its words.
	Status int64
	Text   string
	At     time.Time
}

// RegistrationEnded keeps how a registration ended, also of one that another tool asked
// for. WeChat doesn't always say whose it is: such an end is kept under its time.
func (o *Operator) RegistrationEnded(ctx context.Context, e RegistrationEnd) error {
	id := cmp.Or(e.ID, e.AppID, fmt.Sprintf("unknown-%d", e.At.Unix()))
	_, err := o.apps.ChangeRegistration(ctx, e.Kind, id, func(r *apps.Registration) bool {
		return r.End(apps.At(e.At), e.Status, e.AppID, e.Name, e.Text)
	})
	return err
}

// registrationNext says what to do about a registration.
func registrationNext(r apps.Registration, now time.Time) string {
	switch r.State(now) {
	case apps.RegistrationWaits:
		return map[apps.Kind]string{
			apps.KindTrial:      "the user agrees by the link",
			apps.KindConversion: "the legal person shows their face, then the app's administrator agrees, both by WeChat's messages",
			apps.KindEnterprise: "the legal person agrees and shows their face, by WeChat's message",
		}[r.Kind]
	case apps.RegistrationOverdue:
		return "nothing was heard for a day: enqueue apps sync shows the app if there is one; else ask again"
	case apps.RegistrationMade:
		return map[apps.Kind]string{
			apps.KindTrial:      "audits fail until it is converted (enqueue apps convert) and renamed",
			apps.KindConversion: "rename it: audits refuse the trial's suffix (86020)",
			apps.KindEnterprise: "give it a name, an icon, an introduction and a category before its first audit",
		}[r.Kind]
	default:
		if r.Refused != 0 {
			return refusedNext(r.Refused)
		}
		return endNext(r.Status)
	}
}

// endNext says what to do about a status of a push. The words are ours, after WeChat's
// pages; a number that they lack is WeChat's own text to explain.
func endNext(status int64) string {
	switch status {
	case 100001, 100002, 100003:
		return "the legal person did not agree within 24 hours: ask again, and tell them to open WeChat's message"
	case 101:
		return "the register of companies has it as closed: check the code"
	case 102:
		return "the register of companies lacks it: check name and code; a new company appears after some days"
	case 103:
		return "the legal person's name is not the register's: check it"
	case 104, 105:
		return "the legal person's identity card is not the register's: check it; a change appears after 5 to 15 workdays"
	case 1000:
		return "enterprise or legal person is not as the register has it: check all of them"
	case -1:
		return "WeChat could not match or verify it: check the enterprise's and the legal person's names, and ask again"
	default:
		return "see WeChat's words, and ask again"
	}
}

// refusedNext says what to do about an errcode of a registration's call.
func refusedNext(code int64) string {
	switch code {
	case 61070:
		return "the legal person's name is not the one of that WeChat id: check both"
	case 61071:
		return "this user has five trial apps already: convert or delete one"
	case 86004:
		return "there is no such WeChat id: want the legal person's own id, not a phone number or nickname"
	case 86011:
		return "the name has a protected word: choose another"
	case 86012:
		return "the openid is not one of this platform's"
	case 86017:
		return "the name is too short or too long: want 4 to 30 characters"
	case 89248, 89255:
		return "check the enterprise's code and its type"
	case codeRuns:
		return "one of this owner waits already: enqueue apps registrations --waiting; WeChat takes another after 24 hours"
	case 89254:
		return "the platform's own permission sets are incomplete: add the registration set on its console, and publish"
	case 91030:
		return "five a day is the most for one WeChat id: ask again tomorrow"
	default:
		return ""
	}
}
