package model

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoApp is returned for an appid without an app.
var ErrNoApp = errors.New("there is no app with this appid; GET /_sim/apps lists them")

// Find is the app with an id.
func (w *World) Find(appid string) (*App, error) {
	a := w.App(appid)
	if a == nil {
		return nil, fmt.Errorf("appid %q: %w", appid, ErrNoApp)
	}
	return a, nil
}

// authCode makes an authorization_code, which works once.
func (a *App) authCode(now time.Time) string {
	co := &a.world.component
	defer hold(co)()
	co.nCodes++
	if len(co.codes) >= authCodesKept {
		co.codes = map[string]authCode{}
	}
	text := "queryauthcode@@@" + a.world.opaque("authcode", a.ID, co.nCodes, 64)
	co.codes[text] = authCode{app: a, expires: now.Add(authCodeLife)}
	return text
}

// authorize approves the platform; preAuth is the code of the authorization page, if there was one.
func (a *App) authorize(preAuth string, now time.Time) (code string) {
	a.Authorized, a.AuthTime = true, now
	a.rotate(now)
	return a.grant("authorized", preAuth, now)
}

// grant makes an authorization_code and sends it with an event.
func (a *App) grant(event, preAuth string, now time.Time) (code string) {
	code = a.authCode(now)
	a.world.platformEvent(event, Field{"AuthorizerAppid", a.ID}, Field{"AuthorizationCode", code},
		Field{"AuthorizationCodeExpiredTime", now.Add(authCodeLife).Unix()}, Field{"PreAuthCode", preAuth})
	return code
}

// revoke takes the authorization back; the refresh token dies with it.
func (a *App) revoke(now time.Time) {
	a.Authorized = false
	a.rotate(now)
	a.world.platformEvent("unauthorized", Field{"AuthorizerAppid", a.ID})
}

// Authorize plays a merchant who approves the platform, also if it was approved before. It returns the authorization_code,
// empty if there is no such app.
func (w *World) Authorize(appid string) (code string) {
	if appid != "" {
		w.each(appid, func(a *App) { code = a.authorize("", w.Clock.Now()) })
	}
	return code
}

// Unauthorize plays a merchant who takes the authorization back. It reports whether the app was authorized.
func (w *World) Unauthorize(appid string) (was bool) {
	if appid != "" {
		w.each(appid, func(a *App) {
			if was = a.Authorized; was {
				a.revoke(w.Clock.Now())
			}
		})
	}
	return was
}

// UpdateAuthorization plays a merchant who grants permission set 18 or takes it back. It returns the authorization_code,
// empty if nothing changed.
func (w *World) UpdateAuthorization(appid string, set18 bool) (code string) {
	if appid != "" {
		w.each(appid, func(a *App) {
			if a.Authorized && a.Set18 != set18 {
				a.Set18 = set18
				code = a.grant("updateauthorized", "", w.Clock.Now())
			}
		})
	}
	return code
}

// authPages are the authorization pages; true marks those that are opened inside WeChat.
var authPages = map[string]bool{
	"mp.weixin.qq.com/cgi-bin/componentloginpage":    false,
	"open.weixin.qq.com/wxaopen/safe/bindcomponent":  true,
	"mp.weixin.qq.com/safe/bindcomponent":            true,
	"open.weixin.qq.com/wxaopen/safe/bindcomponent/": true,
}

// Visit plays a merchant with an app who opens an authorization page and approves: it checks the URL as the page does,
// uses its pre_auth_code up, and returns where the browser is redirected.
func (w *World) Visit(page, appid string) (redirect string, err error) {
	u, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("visit: %w", err)
	}
	a, err := w.Find(appid)
	if err != nil {
		return "", fmt.Errorf("visit: %w", err)
	}
	back, err := w.checkPage(u, appid)
	if err != nil {
		return "", fmt.Errorf("visit %s%s: %w", u.Host, u.Path, err)
	}
	now, preAuth := w.Clock.Now(), u.Query().Get("pre_auth_code")
	if !w.usePreAuth(preAuth, now) {
		return "", fmt.Errorf("visit %s%s: pre_auth_code is unknown, used or expired", u.Host, u.Path)
	}
	defer hold(a)()
	q := back.Query()
	q.Set("auth_code", a.authorize(preAuth, now))
	q.Set("expires_in", strconv.Itoa(int(authCodeLife.Seconds())))
	back.RawQuery = q.Encode()
	return back.String(), nil
}

// checkPage checks the URL of an authorization page and returns its redirect_uri.
func (w *World) checkPage(u *url.URL, appid string) (*url.URL, error) {
	mobile, known := authPages[u.Host+u.Path]
	q := u.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	types := []string{"1", "2", "3", "4", "5", "6", "8"}
	switch {
	case !known || u.Scheme != "https":
		return nil, errors.New("this is no authorization page")
	case mobile && (q.Get("action") != "bindcomponent" || q.Get("no_scan") != "1" || u.Fragment != "wechat_redirect"):
		return nil, errors.New("want action=bindcomponent, no_scan=1 and #wechat_redirect")
	case q.Get("component_appid") != w.ComponentAppID:
		return nil, errors.New("component_appid is not the platform's")
	case err != nil || back.Scheme != "http" && back.Scheme != "https" || back.Host == "":
		return nil, errors.New("redirect_uri is no absolute URL")
	case q.Get("auth_type") == "" && q.Get("biz_appid") == "":
		return nil, errors.New("neither auth_type nor biz_appid is given")
	case q.Has("auth_type") && !slices.Contains(types, q.Get("auth_type")):
		return nil, errors.New("auth_type is unknown")
	case !q.Has("biz_appid") && (q.Get("auth_type") == "1" || q.Get("auth_type") == "5"):
		return nil, errors.New("auth_type leaves no mini program to choose")
	case q.Has("biz_appid") && q.Get("biz_appid") != appid:
		return nil, errors.New("biz_appid pins another app")
	}
	for id := range strings.SplitSeq(q.Get("category_id_list"), "|") {
		if _, err := strconv.Atoi(id); err != nil && q.Has("category_id_list") {
			return nil, errors.New("category_id_list: want ids joined by |")
		}
	}
	return back, nil
}
