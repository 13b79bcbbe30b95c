package appconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// testers may open the trial version. WeChat lists them under opaque names, so only an attempt
// shows whether a WeChat id is one.
var testers = Define(Kind{
	Name: "testers", Title: "testers of the trial version", Key: "testers", Schema: testerSchema(), At: []Moment{BeforeCommit},
	Unreadable: "WeChat does not list testers by their WeChat id",
}, func(wx testerPort, appID string, want Edit) Editor {
	return &testerEditor{wx: wx, appID: appID, want: want}
})

type testerPort interface {
	Testers(ctx context.Context, appid string) ([]string, error)
	BindTester(ctx context.Context, appid, wechatID string) (user string, err error)
	UnbindTester(ctx context.Context, appid, wechatID, user string) error
}

var _ testerPort = configapi.Calls{}

type testerEditor struct {
	wx    testerPort
	appID string
	want  Edit
	// known are the WeChat ids that an attempt showed to be testers, or not to be; nil before Read.
	known map[string]bool
	// none means that the app has no tester at all.
	none bool
	// bound is the tester that was bound last, and user WeChat's name for them; "" once seen.
	bound, user string
}

func testerSchema() Object {
	list := Texts{Want: "want a list of WeChat ids, or add and remove with one", Check: checkTester}
	return Object{Bare: keyAdd, Fields: []Field{
		{Key: keyAdd, Node: list}, {Key: keyRemove, Node: list},
		{Key: keySet, Node: Refused("can't be: WeChat doesn't show whose its list of testers is; use add and remove")},
	}}
}

func checkTester(v string) string {
	if len(v) > 64 || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "want a WeChat id"
	}
	return ""
}

func (e *testerEditor) Reads() bool { return len(e.want.Remove) > 0 }

// Read lists testers to see whether there are any to remove, and to see the one that was bound last.
func (e *testerEditor) Read(ctx context.Context) error {
	first := e.known == nil
	if first {
		e.known = map[string]bool{}
	}
	if (!first || !e.Reads()) && e.user == "" {
		return nil
	}
	users, err := e.wx.Testers(ctx, e.appID)
	switch {
	case err != nil && e.user != "":
		return fmt.Errorf("verify the tester %s: %w", e.bound, err)
	case err != nil:
		return err
	case first:
		e.none = len(users) == 0
	case !slices.Contains(users, e.user):
		delete(e.known, e.bound)
	}
	e.user = ""
	return nil
}

func (e *testerEditor) Changes() ([]Change, error) {
	var changes []Change
	for _, id := range e.want.Remove {
		if is, known := e.known[id]; !e.none && (is || !known) {
			changes = append(changes, Change{Verb: Remove, Name: id, Lines: []string{"- " + id}, Perhaps: true})
		}
	}
	for _, id := range e.want.Add {
		if !e.known[id] {
			changes = append(changes, Change{Verb: Add, Name: id, Lines: []string{"+ " + id}, Perhaps: true})
		}
	}
	return changes, nil
}

// Errcodes that show whether a WeChat id is a tester.
const (
	codeNoUser   = 85001 // the id is unknown, or no tester's
	codeIsTester = 85004
	codeNoTester = 89034
)

func (e *testerEditor) Write(ctx context.Context, c Change) (err error) {
	shown := []int64{codeIsTester}
	if c.Verb == Remove {
		shown = []int64{codeNoUser, codeNoTester}
		err = e.wx.UnbindTester(ctx, e.appID, c.Name, "")
	} else {
		e.user, err = e.wx.BindTester(ctx, e.appID, c.Name)
		e.bound = c.Name
	}
	api := (*errcode.Error)(nil)
	if answered := errors.As(err, &api); err != nil && (!answered || !slices.Contains(shown, api.Code)) {
		return fmt.Errorf("%s %s: %w", c.Verb, c.Name, err)
	}
	e.known[c.Name] = c.Verb == Add
	return nil
}
