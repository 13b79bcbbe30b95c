package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Link is where a merchant authorizes the platform.
type Link struct {
	// AppID is the only app that may be authorized there; "" for any mini program.
	AppID string `json:"appid,omitempty"`
	// PC is for a browser, H5 for WeChat itself.
	PC string `json:"pc"`
	H5 string `json:"h5"`
	// Until is when both expire.
	Until time.Time `json:"until"`
}

// AuthorizeLink makes the links by which a merchant authorizes the platform. The browser goes to
// redirect afterwards.
func (f *Fleet) AuthorizeLink(ctx context.Context, appID, redirect string) (Link, error) {
	wx, err := f.online("make an authorization link")
	if err != nil {
		return Link{}, err
	}
	code, life, err := wx.PreAuthCode(ctx)
	if err != nil {
		return Link{}, fmt.Errorf("get a pre-auth code: %w", err)
	}
	page := wxclient.AuthorizePage{Component: wx.ComponentAppID(), PreAuthCode: code, Redirect: redirect, App: appID}
	if appID == "" {
		page.Accounts = wxclient.AuthMiniProgram
	}
	link := Link{AppID: appID, Until: f.d.Now().Add(life)}
	if link.PC, err = page.PC(); err == nil {
		link.H5, err = page.H5()
	}
	if err != nil {
		return Link{}, fmt.Errorf("make an authorization link: %w", err)
	}
	return link, nil
}

// AddLinks makes the link of every task that an authorization ends. Each gets its own code: WeChat
// does not document whether one may serve twice. progress receives each step; nil is fine.
func (f *Fleet) AddLinks(ctx context.Context, list []MerchantTask, redirect string, progress func(done, total int)) error {
	for i := range list {
		if list[i].Need.Authorizes() {
			link, err := f.AuthorizeLink(ctx, list[i].AppID, redirect)
			if err != nil {
				return err
			}
			list[i].Link, list[i].LinkUntil = link.H5, link.Until
		}
		if progress != nil {
			progress(i+1, len(list))
		}
	}
	return nil
}
