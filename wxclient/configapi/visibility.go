package configapi

import (
	"context"
	"fmt"
	"regexp"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// SetServing opens or closes the live version to its users. A closed app shows them a notice; trial and
// development versions continue to work.
//
// WeChat page: api_setvisitstatus. Codes: 85021 it is so already or may not change, 85022.
func (c Calls) SetServing(ctx context.Context, appid string, serving bool) error {
	action := "close"
	if serving {
		action = "open"
	}
	return c.wire.CallApp(ctx, appid, wire.Post("/wxa/change_visitstatus", struct {
		Action string `json:"action"`
	}{action}), nil)
}

type servingReply struct {
	Status *wire.Integer `json:"status" need:"yes"`
}

// Serving reads whether users can open the live version.
//
// WeChat page: api_getvisitstatus. Codes: -1, 44002.
func (c Calls) Serving(ctx context.Context, appid string) (bool, error) {
	var reply servingReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/getvisitstatus", wire.Empty{}), &reply); err != nil {
		return false, err
	}
	return reply.Status.Value() != 0, nil
}

// BaseLibrary is the lowest base library of an app, and the versions of its users.
type BaseLibrary struct {
	// Lowest is the lowest version the app runs on; users below it are asked to update WeChat.
	Lowest string
	// Users are the shares of users by version.
	Users []BaseLibraryShare
}

// BaseLibraryShare is the share of users with a version of the base library.
type BaseLibraryShare struct {
	// Version is like "2.32.0".
	Version string
	// Percent of the users, 0 to 100.
	Percent float64
}

type libraryReply struct {
	Lowest *wire.LooseText `json:"now_version" need:"yes"`
	Users  struct {
		Items []struct {
			Version    string       `json:"version"`
			Percentage wire.Decimal `json:"percentage"`
		} `json:"items"`
	} `json:"uv_info"`
}

// LowestLibrary reads the lowest base library of an app, and the versions of its users.
//
// WeChat page: api_getsupportversion. Codes: -1, 44002.
func (c Calls) LowestLibrary(ctx context.Context, appid string) (BaseLibrary, error) {
	var reply libraryReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/cgi-bin/wxopen/getweappsupportversion", wire.Empty{}), &reply); err != nil {
		return BaseLibrary{}, err
	}
	library := BaseLibrary{Lowest: string(*reply.Lowest)}
	for _, item := range reply.Users.Items {
		library.Users = append(library.Users, BaseLibraryShare{Version: item.Version, Percent: float64(item.Percentage)})
	}
	return library, nil
}

var libraryVersion = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// SetLowestLibrary sets the lowest base library of an app, like "2.32.0".
//
// WeChat page: api_setsupportversion. Codes: 89014 no such version, 85015 (2019).
func (c Calls) SetLowestLibrary(ctx context.Context, appid, version string) error {
	const path = "/cgi-bin/wxopen/setweappsupportversion"
	if !libraryVersion.MatchString(version) {
		return &errcode.InvalidRequestError{Endpoint: path, Problem: fmt.Sprintf("version is %q, want a form like 2.32.0", version)}
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, struct {
		Version string `json:"version"`
	}{version}), nil)
}
