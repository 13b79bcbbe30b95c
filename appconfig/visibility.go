package appconfig

import (
	"context"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// visibility is whether users can open the live version.
var visibility = Define(Kind{
	Name: "visibility", Title: "visibility of the live version", Key: "visibility", At: []Moment{BeforeCommit},
	Schema: Text{Check: func(v string) string {
		if v != visibilityOpen && v != visibilityClosed {
			return "want open or closed"
		}
		return ""
	}},
}, func(wx visibilityPort, appID string, want visibilityWant) Editor {
	return &visibilityEditor{wx: wx, appID: appID, open: want == visibilityOpen}
})

type visibilityPort interface {
	Serving(ctx context.Context, appid string) (bool, error)
	SetServing(ctx context.Context, appid string, serving bool) error
}

var _ visibilityPort = configapi.Calls{}

type visibilityWant string

const (
	visibilityOpen   = "open"
	visibilityClosed = "closed"
)

func (w visibilityWant) asks() bool { return w != "" }

type visibilityEditor struct {
	wx            visibilityPort
	appID         string
	open, serving bool
}

func (e *visibilityEditor) Read(ctx context.Context) (err error) {
	e.serving, err = e.wx.Serving(ctx, e.appID)
	return err
}

func (e *visibilityEditor) Changes() ([]Change, error) {
	if e.serving == e.open {
		return nil, nil
	}
	return []Change{{Verb: Set, Lines: []string{"~ " + map[bool]string{true: visibilityOpen, false: visibilityClosed}[e.open]}}}, nil
}

func (e *visibilityEditor) Write(ctx context.Context, _ Change) error {
	return e.wx.SetServing(ctx, e.appID, e.open)
}
