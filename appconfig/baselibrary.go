package appconfig

import (
	"cmp"
	"context"
	"regexp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// baseLibrary is the lowest base library that the app runs on.
var baseLibrary = Define(Kind{
	Name: "base_library", Title: "lowest base library", Key: "base_library", At: []Moment{BeforeCommit},
	Schema: Object{
		Bare:   "at_least",
		Fields: []Field{{Key: "at_least", Node: Text{Check: checkLibrary}}, {Key: keySet, Node: Text{Check: checkLibrary}}},
		OneOf:  []string{"at_least", keySet}, OneOfWant: "want a version such as 2.32.0",
		Conflicts: []Conflict{{Key: keySet, With: "at_least", Why: "can't be with at_least: want one of them"}},
	},
}, func(wx libraryPort, appID string, want libraryWant) Editor {
	return &libraryEditor{wx: wx, appID: appID, want: want}
})

type libraryPort interface {
	LowestLibrary(ctx context.Context, appid string) (configapi.BaseLibrary, error)
	SetLowestLibrary(ctx context.Context, appid, version string) error
}

var _ libraryPort = configapi.Calls{}

// libraryWant has one of the two: AtLeast leaves a higher version alone, Set is exact.
type libraryWant struct {
	AtLeast string `json:"at_least"`
	Set     string `json:"set"`
}

func (w libraryWant) asks() bool { return w != libraryWant{} }

type libraryEditor struct {
	wx    libraryPort
	appID string
	want  libraryWant
	have  string
}

func (e *libraryEditor) Read(ctx context.Context) error {
	library, err := e.wx.LowestLibrary(ctx, e.appID)
	e.have = library.Lowest
	return err
}

func (e *libraryEditor) Changes() ([]Change, error) {
	want := cmp.Or(e.want.Set, e.want.AtLeast)
	order, known := rollout.CompareVersions(e.have, want)
	if e.have == want || e.want.Set == "" && known && order > 0 {
		return nil, nil
	}
	line := "~ " + want
	if e.have != "" {
		line += ", not " + e.have
	}
	return []Change{{Verb: Set, Lines: []string{line}, Body: want}}, nil
}

func (e *libraryEditor) Write(ctx context.Context, c Change) error {
	return e.wx.SetLowestLibrary(ctx, e.appID, c.Body.(string))
}

var libraryForm = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)

func checkLibrary(v string) string {
	if !libraryForm.MatchString(v) {
		return "want a version such as 2.32.0"
	}
	return ""
}
