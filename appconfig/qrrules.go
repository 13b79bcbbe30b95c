package appconfig

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// qrRules make ordinary QR codes open a page of the app.
var qrRules = Define(Kind{
	Name: "qr_rules", Title: "QR code rules", Key: "qr_rules", Schema: qrSchema(), At: []Moment{BeforeCommit},
	MonthSpent: 89030,
}, func(wx qrPort, appID string, want qrWant) Editor { return &qrEditor{wx: wx, appID: appID, want: want} })

type qrPort interface {
	QRRules(ctx context.Context, appid string) (configapi.QRRules, error)
	PutQRRule(ctx context.Context, appid string, rule configapi.QRRule, edit bool) error
	DeleteQRRule(ctx context.Context, appid, prefix string) error
	QRFile(ctx context.Context, appid string) (configapi.ConfirmFile, error)
}

var _ qrPort = configapi.Calls{}

// debugMax is how many test links a rule may have.
const debugMax = 5

type qrWant struct {
	// Add adds rules, or replaces those of the same prefix; Remove names prefixes; Set is all rules.
	Add     []qrRule `json:"add"`
	Remove  []string `json:"remove"`
	Set     []qrRule `json:"set"`
	Publish bool     `json:"publish"`
}

type qrRule struct {
	Prefix    string   `json:"prefix"`
	Path      string   `json:"path"`
	Exclusive bool     `json:"exclusive"`
	Version   string   `json:"version"`
	Debug     []string `json:"debug"`
}

func (r qrRule) wechat() configapi.QRRule {
	rule := configapi.QRRule{Prefix: r.Prefix, Path: r.Path, Exclusive: r.Exclusive, DebugURLs: r.Debug, Version: configapi.QROnline}
	switch r.Version {
	case "develop":
		rule.Version = configapi.QRDevelopment
	case "trial":
		rule.Version = configapi.QRTrial
	}
	return rule
}

func qrSchema() Object {
	const both = "a rule wants prefix and path"
	list := Objects{
		Want: "want a list of rules, such as [{prefix: https://shop.example.com/t/, path: pages/index/index}]", ID: "prefix",
		Each: Object{Fields: []Field{
			{Key: "prefix", Node: Text{Check: checkPrefix}, Required: both}, {Key: "path", Node: Text{}, Required: both},
			{Key: "exclusive", Node: Flag{}}, {Key: "version", Node: Choice{"online", "develop", "trial"}},
			{Key: "debug", Node: Texts{Want: "want a list of test links below the prefix"}},
		}},
	}
	o := editOf(list, Texts{Want: "want a list of prefixes", Check: checkPrefix})
	o.Fields = append(o.Fields, Field{Key: "publish", Node: Flag{}})
	return o
}

func checkPrefix(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "want an http or https link, such as https://shop.example.com/t/"
	}
	return checkHost(u.Hostname())
}

func (w qrWant) faults() []Fault {
	var faults []Fault
	add := func(value, msg string) { faults = append(faults, Fault{Key: "qr_rules", Value: value, Msg: msg}) }
	for _, r := range w.named() {
		if r.Path == "" {
			add(r.Prefix, "opens no page: want path, such as pages/index/index")
		}
		for _, link := range r.Debug {
			if !strings.HasPrefix(link, r.Prefix) {
				add(link, "is no link below the prefix "+r.Prefix)
			}
		}
		if len(r.Debug) > debugMax {
			add(r.Prefix, fmt.Sprintf("has %d test links, want at most %d", len(r.Debug), debugMax))
		}
	}
	return faults
}

// named are the rules that the plan gives.
func (w qrWant) named() []qrRule {
	if w.Set != nil {
		return w.Set
	}
	return w.Add
}

type qrEditor struct {
	filing
	wx    qrPort
	appID string
	want  qrWant
	have  []configapi.QRRule
}

func (e *qrEditor) Read(ctx context.Context) error {
	rules, err := e.wx.QRRules(ctx, e.appID)
	e.have = rules.Rules
	return err
}

func (e *qrEditor) Changes() ([]Change, error) { return e.want.diff(e.have), nil }

func (w qrWant) diff(have []configapi.QRRule) []Change {
	var changes []Change
	for _, r := range have {
		named := slices.ContainsFunc(w.named(), func(n qrRule) bool { return n.Prefix == r.Prefix })
		if slices.Contains(w.Remove, r.Prefix) || w.Set != nil && !named {
			changes = append(changes, Change{Verb: Remove, Name: r.Prefix, Lines: []string{"- " + r.Prefix}})
		}
	}
	for _, n := range w.named() {
		want := n.wechat()
		c := Change{Verb: Add, Name: n.Prefix, Body: want, Lines: []string{"+ " + n.Prefix + " opens " + n.Path}}
		i := slices.IndexFunc(have, func(r configapi.QRRule) bool { return r.Prefix == n.Prefix })
		switch {
		case i >= 0 && sameRule(have[i], want):
			continue
		case i >= 0:
			c.Verb, c.Lines = Set, []string{fmt.Sprintf("~ %s opens %s, not %s", n.Prefix, n.Path, have[i].Path)}
			if have[i].Published && !w.Publish {
				c.Lines[0] += " (it stops for users until it is published: say publish: true)"
			}
		}
		changes = append(changes, c)
	}
	return changes
}

func (e *qrEditor) Write(ctx context.Context, c Change) error {
	if c.Verb == Remove {
		return e.wx.DeleteQRRule(ctx, e.appID, c.Name)
	}
	return e.wx.PutQRRule(ctx, e.appID, c.Body.(configapi.QRRule), c.Verb == Set)
}

func (e *qrEditor) Duty(ctx context.Context, code int64) (string, error) {
	if code != 85069 {
		return e.filing.Duty(ctx, code)
	}
	f, err := e.wx.QRFile(ctx, e.appID)
	return "the file " + f.Name + " must lie below the prefix of each QR code rule of the app, byte for byte", err
}

// sameRule reports whether two rules with one prefix do the same, published or not. WeChat need not
// keep a page's leading / or the order of test links.
func sameRule(a, b configapi.QRRule) bool {
	sorted := func(r configapi.QRRule) []string { return slices.Sorted(slices.Values(r.DebugURLs)) }
	return strings.TrimPrefix(a.Path, "/") == strings.TrimPrefix(b.Path, "/") && a.Exclusive == b.Exclusive &&
		versionOf(a) == versionOf(b) && slices.Equal(sorted(a), sorted(b))
}

// versionOf is what a rule's test links open; a number that WeChat does not document is the default.
func versionOf(r configapi.QRRule) configapi.QRVersion {
	if r.Version < configapi.QRDevelopment || r.Version > configapi.QROnline {
		return configapi.QROnline
	}
	return r.Version
}
