package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Asked is an app creation that WeChat accepted: a person has to agree now.
type Asked struct {
	Creation
	// Link is where the user of a trial app agrees, CreateToken the part of it that the service
	// provider's plugin takes. Both are shown once and stored nowhere: whoever has them can agree.
	Link        string `json:"link,omitempty"`
	CreateToken string `json:"create_token,omitempty"`
}

// Creation is an app creation as lists show it.
type Creation struct {
	Kind  apps.Kind          `json:"kind"`
	ID    string             `json:"id"`
	Name  string             `json:"name,omitempty"`
	State apps.CreationState `json:"state"`
	// AppID is the app that was created; "" before.
	AppID string `json:"appid,omitempty"`
	// Asked is when WeChat was asked, Until when WeChat stops waiting, Ended when it ended.
	Asked time.Time `json:"asked,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	// Status is WeChat's number of how it ended, Refused the errcode of a refused call; Text is
	// WeChat's message.
	Status  int64  `json:"status,omitempty"`
	Refused int64  `json:"errcode,omitempty"`
	Text    string `json:"text,omitempty"`
	// Next is what to do; "" for nothing.
	Next string `json:"next,omitempty"`
}

func creationView(r apps.Creation, now time.Time) Creation {
	v := Creation{
		Kind: r.Kind, ID: r.ID, Name: r.Name, State: r.State(now), AppID: r.AppID, Asked: r.Asked.Time(), Ended: r.Ended.Time(),
		By: r.By, Why: r.Why, Status: r.Status, Refused: r.Refused, Text: r.Text, Next: creationNext(r, now),
	}
	if r.Asked != 0 && r.Ended == 0 {
		v.Until = r.Asked.Time().Add(apps.CreationLife)
	}
	return v
}

// Enterprise describes an enterprise and its legal representative.
type Enterprise = wxclient.Enterprise

// CodeTypes are the kinds of an enterprise's code by name.
var CodeTypes = map[string]wxclient.CodeType{
	"credit": wxclient.CodeCredit, "organization": wxclient.CodeOrganization, "license": wxclient.CodeLicense,
}

// CheckTrial returns an error if WeChat would refuse a trial app of this name and openid.
func CheckTrial(name, openID string) error { return wxclient.CheckTrial(name, openID) }

// CreateTrial asks for a trial app for a WeChat user, an openid of the platform's. When the reply
// is lost, the app may be created nevertheless: the callback reports it.
func (f *Fleet) CreateTrial(ctx context.Context, name, openID, why string) (Asked, error) {
	if name == "" || openID == "" {
		return Asked{}, errors.New("create a trial app: the name or the openid is empty")
	}
	wx, err := f.online("create a trial app")
	if err != nil {
		return Asked{}, err
	}
	trial, err := wx.CreateTrial(ctx, name, openID)
	if err != nil {
		return Asked{}, creationError(apps.KindTrial, err)
	}
	out := Asked{Link: trial.AuthorizeURL, CreateToken: trial.CreateToken()}
	out.Creation, err = f.asked(ctx, apps.KindTrial, trial.UniqueID, name, why)
	return out, err
}

// CreateEnterprise asks for an app of an enterprise, whose legal person has to agree.
func (f *Fleet) CreateEnterprise(ctx context.Context, e wxclient.Enterprise, why string) (Asked, error) {
	if err := e.Check(false); err != nil {
		return Asked{}, err
	}
	wx, err := f.online("create an app")
	if err != nil {
		return Asked{}, err
	}
	return f.askFirst(ctx, apps.KindEnterprise, e.Code, e.Name, why, func() error { return wx.CreateEnterprise(ctx, e) })
}

// ConvertTrial asks to turn a trial app into its enterprise's app.
func (f *Fleet) ConvertTrial(ctx context.Context, appID string, e wxclient.Enterprise, why string) (Asked, error) {
	if err := e.Check(true); err != nil {
		return Asked{}, err
	}
	wx, err := f.online("convert a trial app")
	if err != nil {
		return Asked{}, err
	}
	return f.askFirst(ctx, apps.KindConversion, appID, e.Name, why, func() error { return wx.ConvertTrial(ctx, appID, e) })
}

// codeRuns is WeChat's answer while an earlier creation of the same owner waits.
const codeRuns = 89249

// askFirst stores the creation before the call: if the reply is lost it stays waiting, and the
// callback ends it. A refusal ends it, unless it reports that one is already under way.
func (f *Fleet) askFirst(ctx context.Context, kind apps.Kind, id, name, why string, call func() error) (Asked, error) {
	noted, err := f.asked(ctx, kind, id, name, why)
	if err != nil {
		return Asked{}, err
	}
	err = call()
	refusal := (*wxclient.Error)(nil)
	refused := errors.As(err, &refusal) && refusal.Code != codeRuns
	if (refused || errors.As(err, new(*wxclient.NotSentError))) && !wxclient.IsOutcomeUnknown(err) {
		code, text := int64(-1), err.Error()
		if refused {
			code, text = refusal.Code, refusal.Msg
		}
		if _, noteErr := f.apps.ChangeCreation(ctx, kind, id, func(r *apps.Creation) bool { return r.Refuse(apps.At(f.d.Now()), code, text) }); noteErr != nil {
			err = errors.Join(err, noteErr)
		}
	}
	if err != nil {
		return Asked{}, creationError(kind, err)
	}
	return Asked{Creation: noted}, nil
}

// asked stores that WeChat is asked.
func (f *Fleet) asked(ctx context.Context, kind apps.Kind, id, name, why string) (Creation, error) {
	now := f.d.Now()
	r, err := f.apps.ChangeCreation(ctx, kind, id, func(r *apps.Creation) bool { return r.Ask(apps.At(now), name, f.d.By, why) })
	return creationView(r, now), err
}

// creationError adds the next step to the error of a call.
func creationError(kind apps.Kind, err error) error {
	if wxclient.IsOutcomeUnknown(err) {
		return fmt.Errorf("create an app (%s): %w; it may have begun nevertheless: enqueue apps creations shows it once WeChat's callback arrives", kind, err)
	}
	refusal := (*wxclient.Error)(nil)
	if errors.As(err, &refusal) && refusedNexts[refusal.Code] != "" {
		return fmt.Errorf("create an app (%s): %w: %s", kind, err, refusedNexts[refusal.Code])
	}
	return fmt.Errorf("create an app (%s): %w", kind, err)
}

// Creations lists the app creations, newest first; waiting omits those that ended.
func (f *Fleet) Creations(ctx context.Context, waiting bool) ([]Creation, error) {
	found, err := f.apps.Creations(ctx)
	if err != nil {
		return nil, err
	}
	var list []Creation
	for _, r := range found {
		if v := creationView(r, f.d.Now()); !waiting || v.Ended.IsZero() {
			list = append(list, v)
		}
	}
	return list, nil
}

// CreationEnd is WeChat's callback of how an app creation ended.
type CreationEnd struct {
	Kind apps.Kind
	// ID identifies it as apps.Kind says; "" if the callback lacks it.
	ID          string
	AppID, Name string
	// Status is WeChat's number, 0 for success, and Text its message.
	Status int64
	Text   string
	At     time.Time
}

// CreationEnded stores how an app creation ended, also of one that another tool asked for. WeChat
// doesn't always identify it: such an end is stored under its time.
func (f *Fleet) CreationEnded(ctx context.Context, e CreationEnd) error {
	id := cmp.Or(e.ID, e.AppID, fmt.Sprintf("unknown-%d", e.At.Unix()))
	_, err := f.apps.ChangeCreation(ctx, e.Kind, id, func(r *apps.Creation) bool {
		return r.End(apps.At(e.At), e.Status, e.AppID, e.Name, e.Text)
	})
	return err
}

// creationNext returns the next step for an app creation; "" for none.
func creationNext(r apps.Creation, now time.Time) string {
	switch r.State(now) {
	case apps.CreationWaiting:
		return map[apps.Kind]string{
			apps.KindTrial:      "the user agrees by the link",
			apps.KindConversion: "the legal person shows their face, then the app's administrator agrees, both by WeChat's messages",
			apps.KindEnterprise: "the legal person agrees and shows their face, by WeChat's message",
		}[r.Kind]
	case apps.CreationOverdue:
		return "no callback came for a day: enqueue apps sync shows the app if it exists; otherwise ask again"
	case apps.CreationDone:
		return map[apps.Kind]string{
			apps.KindTrial:      "audits fail until it is converted (enqueue apps convert) and renamed",
			apps.KindConversion: "rename it: audits refuse the trial's suffix (86020)",
			apps.KindEnterprise: "give it a name, an icon, an introduction and a category before its first audit",
		}[r.Kind]
	default:
		if r.Refused != 0 {
			return refusedNexts[r.Refused]
		}
		return cmp.Or(endNexts[r.Status], "see WeChat's words, and ask again")
	}
}

// endNexts are the next steps for a callback's status, after WeChat's documentation.
var endNexts = map[int64]string{
	100001: notAgreed, 100002: notAgreed, 100003: notAgreed,
	101:  "the register of companies has it as closed: check the code",
	102:  "the register of companies lacks it: check name and code; a new company appears after some days",
	103:  "the legal person's name is not the register's: check it",
	104:  otherCard,
	105:  otherCard,
	1000: "enterprise or legal person is not as the register has it: check all of them",
	-1:   "WeChat could not match or verify it: check the enterprise's and the legal person's names, and ask again",
}

const (
	notAgreed = "the legal person did not agree within 24 hours: create it again, and remind them to open WeChat's message"
	otherCard = "the legal person's identity card is not the register's: check it; a change appears after 5 to 15 workdays"
)

// refusedNexts are the next steps for errcodes of a creation call.
var refusedNexts = map[int64]string{
	61070:    "the legal person's name is not the one of that WeChat id: check both",
	61071:    "this user has five trial apps already: convert or delete one",
	86004:    "there is no such WeChat id: want the legal person's own id, not a phone number or nickname",
	86011:    "the name has a protected word: choose another",
	86012:    "the openid is not one of this platform's",
	86017:    "the name is too short or too long: want 4 to 30 characters",
	89248:    "check the enterprise's code and its type",
	89255:    "check the enterprise's code and its type",
	codeRuns: "one of this owner is already waiting: enqueue apps creations --waiting; WeChat takes another after 24 hours",
	89254:    "the platform's own permission sets are incomplete: add the set for creating mini programs on its console, and publish",
	91030:    "five a day is the most for one WeChat id: ask again tomorrow",
}
