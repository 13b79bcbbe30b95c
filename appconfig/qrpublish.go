package appconfig

import (
	"context"
	"slices"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// qrPublish opens the plan's QR code rules to every user. It has no separate key: qr_rules.publish
// asks for it.
var qrPublish = Define(Kind{
	Name: "qr_publish", Title: "publication of QR code rules", Key: "qr_rules", At: []Moment{Live}, MonthSpent: 89030,
}, func(wx publishPort, appID string, want publishWant) Editor {
	return &publishEditor{qrEditor{wx: wx, appID: appID, want: want.qrWant}, wx}
})

type publishPort interface {
	qrPort
	PublishQRRule(ctx context.Context, appid, prefix string) error
}

var _ publishPort = configapi.Calls{}

type publishWant struct{ qrWant }

func (w publishWant) asks() bool { return w.Publish }

// faults are those of qr_rules, which has listed them.
func (publishWant) faults() []Fault { return nil }

// publishEditor reads rules as qr_rules does.
type publishEditor struct {
	qrEditor
	wx publishPort
}

func (e *publishEditor) Changes() ([]Change, error) {
	var changes []Change
	for _, r := range e.have {
		if !r.Published && slices.ContainsFunc(e.want.named(), func(n qrRule) bool { return n.Prefix == r.Prefix }) {
			changes = append(changes, Change{Verb: Publish, Name: r.Prefix, Lines: []string{"~ " + r.Prefix + " published"}})
		}
	}
	return changes, nil
}

func (e *publishEditor) Write(ctx context.Context, c Change) error {
	return e.wx.PublishQRRule(ctx, e.appID, c.Name)
}

// Ahead writes the rules, which happens before the commit, long before they are published.
func (e *publishEditor) Ahead() {
	for _, c := range e.want.diff(e.have) {
		e.have = slices.DeleteFunc(slices.Clone(e.have), func(r configapi.QRRule) bool { return r.Prefix == c.Name })
		if rule, ok := c.Body.(configapi.QRRule); ok {
			e.have = append(e.have, rule)
		}
	}
}
