package wxclient

import (
	"context"
	"net/url"
	"strconv"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Release publishes the version whose audit passed last: compare LatestAudit first. After an unknown outcome or 85019, 85020, 85052 compare VersionInfo().Release.
//
// WeChat page: api_release. Codes: 85019 nothing audited, 85020 not releasable, 85052 live already.
func (c *Client) Release(ctx context.Context, appid string) error {
	return c.wire.CallApp(ctx, appid, wire.Post("/wxa/release", wire.Empty{}), nil)
}

const revertPath = "/wxa/revertcoderelease"

// RevertRelease makes an earlier version live: the previous one, or appVersion from History.
// A version that was reverted cannot be reverted again. All calls to this path, History too,
// share a daily allowance of the whole component (about 30).
//
// WeChat page: api_revertcoderelease (a GET that writes). Codes: 87011 gray release runs, 87012.
func (c *Client) RevertRelease(ctx context.Context, appid string, appVersion *int64) error {
	r := wire.Get(revertPath)
	r.Writes = true
	if appVersion != nil {
		r.Query = url.Values{"app_version": {strconv.FormatInt(*appVersion, 10)}}
	}
	return c.wire.CallApp(ctx, appid, r, nil)
}

// HistoryEntry is a version that RevertRelease can make live.
type HistoryEntry struct {
	// AppVersion is WeChat's number for RevertRelease.
	AppVersion int64
	// Version and Desc are those of the commit.
	Version, Desc string
	// CommitTime is in unix seconds.
	CommitTime int64
}

type historyReply struct {
	List []struct {
		AppVersion *wire.Integer `json:"app_version" need:"yes"`
		Version    string        `json:"user_version"`
		Desc       string        `json:"user_desc"`
		CommitTime wire.Integer  `json:"commit_time"`
	} `json:"version_list" need:"yes"`
}

// History lists at most the 5 latest earlier versions. A blank Version or Desc is not shown: unknown.
//
// WeChat page: api_revertcoderelease with action=get_history_version. Codes: 45009.
func (c *Client) History(ctx context.Context, appid string) ([]HistoryEntry, error) {
	var reply historyReply
	r := wire.Get(revertPath)
	r.Query = url.Values{"action": {"get_history_version"}}
	if err := c.wire.CallApp(ctx, appid, r, &reply); err != nil {
		return nil, err
	}
	list := make([]HistoryEntry, 0, len(reply.List))
	for _, e := range reply.List {
		list = append(list, HistoryEntry{
			AppVersion: e.AppVersion.Value(), Version: e.Version, Desc: e.Desc, CommitTime: int64(e.CommitTime),
		})
	}
	return list, nil
}

// GrayRequest selects the users of a gray release.
type GrayRequest struct {
	// Percentage of the users, 0 to 100; 0 needs one of the flags.
	Percentage int `json:"gray_percentage"`
	// DebuggersFirst includes the app's developers; WeChat spells the key so.
	DebuggersFirst bool `json:"support_debuger_first"`
	// ExperiencersFirst includes the app's testers.
	ExperiencersFirst bool `json:"support_experiencer_first"`
}

// GrayRelease starts a gray release, or widens it with a higher percentage.
//
// WeChat page: api_grayrelease. Codes: 85079 not live yet, 85080 not audited, 85081, 85082 not
// above the running plan (call GrayPlan).
func (c *Client) GrayRelease(ctx context.Context, appid string, r GrayRequest) error {
	const path = "/wxa/grayrelease"
	if r.Percentage < 0 || r.Percentage > 100 {
		return &InvalidRequestError{Endpoint: path, Problem: "gray_percentage is outside 0 to 100"}
	}
	if r.Percentage == 0 && !r.DebuggersFirst && !r.ExperiencersFirst {
		return &InvalidRequestError{Endpoint: path, Problem: "gray_percentage 0 needs developers or testers first"}
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, r), nil)
}

// GrayStatus is the state of a gray plan.
type GrayStatus int64

// The states of a gray plan. GrayRelease starts it, RevertGray deletes it, WeChat does the rest.
const (
	// GrayInitial: created, not started.
	GrayInitial GrayStatus = 0
	// GrayRunning: some users have the version.
	GrayRunning GrayStatus = 1
	// GrayPaused: halted on the console.
	GrayPaused GrayStatus = 2
	// GrayFinished: everyone has the version.
	GrayFinished GrayStatus = 3
	// GrayDeleted: reverted.
	GrayDeleted GrayStatus = 4
)

// GrayPlan is the gray release of an app.
type GrayPlan struct {
	// Exists is false for an empty plan, which never began; the other fields are zero then. A reply
	// without a plan is an error.
	Exists bool
	// Status is the plan's state.
	Status GrayStatus
	// CreatedAt is in unix seconds.
	CreatedAt int64
	// Percentage of the users that have the version, 0 to 100.
	Percentage int
	// DebuggersFirst and ExperiencersFirst are those of the request.
	DebuggersFirst, ExperiencersFirst bool
}

type grayReply struct {
	Plan *struct {
		Status            *wire.Integer `json:"status" need:"yes"`
		CreatedAt         wire.Integer  `json:"create_timestamp"`
		Percentage        *wire.Integer `json:"gray_percentage" need:"yes"`
		DebuggersFirst    bool          `json:"support_debuger_first"`
		ExperiencersFirst bool          `json:"support_experiencer_first"`
	} `json:"gray_release_plan" need:"yes"`
}

// GrayPlan reads the gray release of the app.
//
// WeChat page: api_getgrayreleaseplan. Codes: -1.
func (c *Client) GrayPlan(ctx context.Context, appid string) (GrayPlan, error) {
	var reply grayReply
	if err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/getgrayreleaseplan"), &reply); err != nil {
		return GrayPlan{}, err
	}
	p := reply.Plan
	if GrayStatus(p.Status.Value()) == GrayInitial && p.CreatedAt == 0 && p.Percentage.Value() == 0 {
		return GrayPlan{}, nil
	}
	return GrayPlan{
		Exists: true, Status: GrayStatus(p.Status.Value()), CreatedAt: int64(p.CreatedAt), Percentage: int(p.Percentage.Value()),
		DebuggersFirst: p.DebuggersFirst, ExperiencersFirst: p.ExperiencersFirst,
	}, nil
}

// RevertGray ends the gray release: its users get the previous version.
//
// WeChat page: api_revertgrayrelease (a GET that writes). Codes: -1.
func (c *Client) RevertGray(ctx context.Context, appid string) error {
	r := wire.Get("/wxa/revertgrayrelease")
	r.Writes = true
	return c.wire.CallApp(ctx, appid, r, nil)
}
