package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// ErrNotSynced reports that the registry has never read WeChat's list of apps.
var ErrNotSynced = errors.New("the registry has not read WeChat's list of apps yet: run enqueue apps sync, or start a worker, which syncs on its own")

// AuthorizedApps reads the appids of WeChat's list, sorted: all of them, or an error with the
// counts. progress receives each page; nil is fine.
func (f *Fleet) AuthorizedApps(ctx context.Context, progress func(done, total int)) ([]string, error) {
	wx, err := f.online("list authorized apps")
	if err != nil {
		return nil, err
	}
	for l := (apps.Listing{}); ; l = l.Again() {
		found := make(map[string]bool)
		for l.More() {
			page, err := wx.AuthorizerList(ctx, l.Offset, wxclient.MaxAuthorizerPage)
			if err != nil {
				return nil, fmt.Errorf("list authorized apps from %d on: %w", l.Offset, err)
			}
			known := len(found)
			for _, a := range page.List {
				found[a.AppID] = true
			}
			l = l.Took(int(page.Total), len(page.List), len(found)-known)
			if progress != nil {
				progress(min(len(found), l.Total), l.Total)
			}
		}
		lack := l.Lack()
		if lack == "" {
			return slices.Sorted(maps.Keys(found)), nil
		}
		if l.Last() {
			return nil, fmt.Errorf("list authorized apps: %s: try again later", lack)
		}
	}
}
