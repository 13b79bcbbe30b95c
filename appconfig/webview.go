package appconfig

import (
	"context"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// webview are the sites that an app may show in a web-view.
var webview = Define(Kind{
	Name: "webview", Title: "web-view domains", Key: "webview", Schema: webviewSchema(),
	At: []Moment{BeforeCommit, BeforeRelease}, MonthSpent: 86102,
	Platform: &Platform{
		Errcode: 89021, Call: platformCall(webviewPlatform.PlatformWebviewDomains),
		// A domain of the platform's list covers its subdomains.
		Covers: func(own, host string) bool { return own == host || strings.HasSuffix(host, "."+own) },
		File: func(ctx context.Context, wx Client) (configapi.ConfirmFile, error) {
			client, err := port[webviewPlatform](wx)
			if err != nil {
				return configapi.ConfirmFile{}, err
			}
			return client.PlatformFile(ctx)
		},
	},
}, func(wx webviewPort, appID string, want webviewWant) Editor {
	return &webviewEditor{wx: wx, appID: appID, want: want}
})

type webviewPort interface {
	EffectiveWebviewDomains(ctx context.Context, appid string) (configapi.EffectiveWebviewDomains, error)
	SetWebviewDomains(ctx context.Context, appid string, action configapi.DomainAction, domains []string) (configapi.ChangedWebviewDomains, error)
	SetWebviewDomainsDirectly(ctx context.Context, appid string, action configapi.DomainAction, domains []string) (configapi.ChangedWebviewDomains, error)
	WebviewFile(ctx context.Context, appid string) (configapi.ConfirmFile, error)
}

type webviewPlatform interface {
	PlatformWebviewDomains(ctx context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error)
	PlatformFile(ctx context.Context) (configapi.ConfirmFile, error)
}

var (
	_ webviewPort     = configapi.Calls{}
	_ webviewPlatform = configapi.Calls{}
)

type webviewWant struct {
	Route
	Edit
}

func (w webviewWant) needs() ([]Edit, Route) { return []Edit{w.Edit}, w.Route }

func webviewSchema() Object {
	list := Texts{Want: `want a list of domains, such as ["https://{{.host}}"]`, Check: domainCheck("https", false)}
	o := editOf(list, list, routeFields()...)
	o.Conflicts = append(o.Conflicts, notDirect, notWithSet("adopt"))
	o.OneOf, o.OneOfWant = []string{keyAdd, keyRemove, keySet, "adopt"}, `want add, remove or set with a list, such as ["https://{{.host}}"]`
	return o
}

type webviewEditor struct {
	filing
	wx    webviewPort
	appID string
	want  webviewWant
	have  configapi.EffectiveWebviewDomains
}

func (e *webviewEditor) Read(ctx context.Context) (err error) {
	e.have, err = e.wx.EffectiveWebviewDomains(ctx, e.appID)
	for _, list := range []*[]string{&e.have.Console, &e.have.Third, &e.have.Direct, &e.have.Effective} {
		*list = written(*list)
	}
	return err
}

// webviewWrite is the one write that makes all changes.
type webviewWrite struct {
	action configapi.DomainAction
	list   []string
}

func (e *webviewEditor) Changes() ([]Change, error) {
	have := byRoute(e.want.Route, e.have.Third, e.have.Direct)
	next := e.want.edit(e.want.Edit, e.have.Console).edited(have)
	plus, minus := without(next, have), without(have, next)
	if len(plus)+len(minus) == 0 {
		return nil, nil
	}
	if err := overLimit("webview", next, plus); err != nil {
		return nil, err
	}
	verb, action := verbOf(plus, minus)
	list := map[Verb][]string{Add: plus, Remove: minus, Set: next}[verb]
	return []Change{{Verb: verb, Lines: signs("", plus, minus), Body: webviewWrite{action, list}}}, nil
}

func (e *webviewEditor) Write(ctx context.Context, c Change) error {
	w := c.Body.(webviewWrite)
	reply, err := byRoute(e.want.Route, e.wx.SetWebviewDomains, e.wx.SetWebviewDomainsDirectly)(ctx, e.appID, w.action, w.list)
	return taken(reply.Refused, err)
}

func (e *webviewEditor) Trapped() []string {
	return e.want.trapped(e.want.edit(e.want.Edit, e.have.Console), e.have.Third, e.have.Effective)
}

func (e *webviewEditor) Dropped() []string {
	return e.want.dropped(e.want.Edit, e.have.Console, byRoute(e.want.Route, e.have.Third, e.have.Direct), e.have.Effective)
}

func (e *webviewEditor) Duty(ctx context.Context, code int64) (string, error) {
	if code != 86103 {
		return e.filing.Duty(ctx, code)
	}
	f, err := e.wx.WebviewFile(ctx, e.appID)
	return "the file " + f.Name + " must lie at the root of each web-view domain of the app, byte for byte", err
}
