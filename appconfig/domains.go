package appconfig

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// domains are the servers that an app may call.
var domains = Define(Kind{
	Name: "domains", Title: "server domains", Key: "domains", Schema: domainSchema(),
	At: []Moment{BeforeCommit, BeforeRelease}, MonthSpent: 86102,
	Platform: &Platform{
		Errcode: 85018, Call: platformCall(domainPort.PlatformServerDomains),
		Covers: func(own, host string) bool { return own == host },
	},
}, func(wx domainPort, appID string, want domainWant) Editor {
	return &domainEditor{wx: wx, appID: appID, want: want}
})

type domainPort interface {
	EffectiveDomains(ctx context.Context, appid string) (configapi.EffectiveServerDomains, error)
	ModifyDomains(ctx context.Context, appid string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error)
	ModifyDomainsDirectly(ctx context.Context, appid string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error)
	PlatformServerDomains(ctx context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error)
}

var _ domainPort = configapi.Calls{}

type domainWant struct {
	Route
	Request   Edit `json:"request,omitzero"`
	WSRequest Edit `json:"wsrequest,omitzero"`
	Upload    Edit `json:"upload,omitzero"`
	Download  Edit `json:"download,omitzero"`
	UDP       Edit `json:"udp,omitzero"`
	TCP       Edit `json:"tcp,omitzero"`
}

func (w domainWant) needs() (edits []Edit, r Route) {
	for _, l := range serverLists {
		edits = append(edits, *l.edit(&w))
	}
	return edits, w.Route
}

// serverLists are the lists of server domains.
var serverLists = []struct {
	name, scheme string
	edit         func(*domainWant) *Edit
	of           func(*configapi.ServerDomains) *[]string
}{
	{"request", "https", func(w *domainWant) *Edit { return &w.Request }, func(d *configapi.ServerDomains) *[]string { return &d.Request }},
	{"wsrequest", "wss", func(w *domainWant) *Edit { return &w.WSRequest }, func(d *configapi.ServerDomains) *[]string { return &d.WebSocket }},
	{"upload", "https", func(w *domainWant) *Edit { return &w.Upload }, func(d *configapi.ServerDomains) *[]string { return &d.Upload }},
	{"download", "https", func(w *domainWant) *Edit { return &w.Download }, func(d *configapi.ServerDomains) *[]string { return &d.Download }},
	{"udp", "udp", func(w *domainWant) *Edit { return &w.UDP }, func(d *configapi.ServerDomains) *[]string { return &d.UDP }},
	{"tcp", "tcp", func(w *domainWant) *Edit { return &w.TCP }, func(d *configapi.ServerDomains) *[]string { return &d.TCP }},
}

func domainSchema() Object {
	o := Object{
		Fields: routeFields(), Conflicts: []Conflict{notDirect},
		OneOf: []string{"adopt"}, OneOfWant: "want a list to change: request, wsrequest, upload, download, udp or tcp",
	}
	var names []string
	for _, l := range serverLists {
		list := Texts{
			Want:  fmt.Sprintf(`want a list of domains, such as ["%s://{{.host}}"], or add, remove or set with one`, l.scheme),
			Check: domainCheck(l.scheme, true),
		}
		edit := editOf(list, list)
		edit.Bare = keyAdd
		edit.Conflicts = append(edit.Conflicts, Conflict{Key: keySet, With: "adopt", Parent: true, Why: "can't be with adopt: set is the whole list"})
		o.Fields = append(o.Fields, Field{Key: l.name, Node: edit})
		names = append(names, l.name)
	}
	o.OneOf = append(names, o.OneOf...)
	return o
}

type domainEditor struct {
	filing
	wx    domainPort
	appID string
	want  domainWant
	have  configapi.EffectiveServerDomains
}

func (e *domainEditor) Read(ctx context.Context) (err error) {
	e.have, err = e.wx.EffectiveDomains(ctx, e.appID)
	for _, d := range []*configapi.ServerDomains{&e.have.Console, &e.have.Third, &e.have.Direct, &e.have.Effective} {
		for _, l := range serverLists {
			*l.of(d) = written(*l.of(d))
		}
	}
	return err
}

// domainWrite is the one write that makes all changes.
type domainWrite struct {
	action configapi.DomainAction
	lists  configapi.ServerDomains
}

func (e *domainEditor) Changes() ([]Change, error) {
	have := byRoute(e.want.Route, e.have.Third, e.have.Direct)
	var added, removed, after configapi.ServerDomains
	var lines, allPlus, allMinus []string
	for _, l := range serverLists {
		was := *l.of(&have)
		next := e.want.edit(*l.edit(&e.want), *l.of(&e.have.Console)).edited(was)
		plus, minus := without(next, was), without(was, next)
		if err := overLimit("domains."+l.name, next, plus); err != nil {
			return nil, err
		}
		*l.of(&added), *l.of(&removed), *l.of(&after) = plus, minus, next
		lines = append(lines, signs(l.name+" ", plus, minus)...)
		allPlus, allMinus = append(allPlus, plus...), append(allMinus, minus...)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	verb, action := verbOf(allPlus, allMinus)
	lists := map[Verb]configapi.ServerDomains{Add: added, Remove: removed, Set: after}[verb]
	return []Change{{Verb: verb, Lines: lines, Body: domainWrite{action, lists}}}, nil
}

func (e *domainEditor) Write(ctx context.Context, c Change) error {
	w := c.Body.(domainWrite)
	reply, err := byRoute(e.want.Route, e.wx.ModifyDomains, e.wx.ModifyDomainsDirectly)(ctx, e.appID, w.action, w.lists)
	return taken(reply.Refused, err)
}

func (e *domainEditor) Trapped() (out []string) {
	for _, l := range serverLists {
		edit := e.want.edit(*l.edit(&e.want), *l.of(&e.have.Console))
		out = append(out, e.want.trapped(edit, *l.of(&e.have.Third), *l.of(&e.have.Effective))...)
	}
	return out
}

func (e *domainEditor) Dropped() (out []string) {
	have := byRoute(e.want.Route, e.have.Third, e.have.Direct)
	for _, l := range serverLists {
		out = append(out, e.want.dropped(*l.edit(&e.want), *l.of(&e.have.Console), *l.of(&have), *l.of(&e.have.Effective))...)
	}
	return out
}
