package wxsim

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authCode is an authorization_code a merchant's approval made.
type authCode struct {
	app     *app
	expires time.Time
}

// newAuthCode makes an authorization_code of a locked app; api_query_auth takes it once.
func (s *Sim) newAuthCode(a *app, now time.Time) string {
	co := &s.component
	co.mu.Lock()
	defer co.mu.Unlock()
	co.nCodes++
	if len(co.codes) >= authCodesKept {
		co.codes = map[string]*authCode{}
	}
	text := "queryauthcode@@@" + opaque(s.set.Load().Seed, "authcode", a.id, co.nCodes, 64)
	co.codes[text] = &authCode{app: a, expires: now.Add(authCodeLife)}
	return text
}

// Authorize plays a merchant who approves the platform (again): a new refresh token, and an authorization_code that is
// returned and pushed as authorized. It returns an empty string if there is no such app.
func (s *Sim) Authorize(appid string) string {
	a := s.apps.find(appid)
	if a == nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return s.authorize(a, "", s.clock.Now())
}

// authorize approves the platform for a locked app; preAuth is the code of the page it happened on, if any.
func (s *Sim) authorize(a *app, preAuth string, now time.Time) string {
	a.authorized, a.authTime = true, now
	s.rotate(a, now)
	text := s.newAuthCode(a, now)
	s.push.grantEvent("authorized", a, text, preAuth, now)
	return text
}

// Unauthorize plays a merchant who takes the authorization back: every call on the app answers 61003, and unauthorized is
// pushed. It reports whether the app was authorized.
func (s *Sim) Unauthorize(appid string) bool {
	was := false
	no := false
	s.each(appid, func(a *app) { was = appid != "" && a.authorized })
	return was && s.ChangeApp(appid, AppChange{Authorized: &no}) == nil
}

// UpdateAuthorization plays a merchant who changes what the platform may do: whether permission set 18 is granted. The
// authorization_code that is pushed as updateauthorized is returned; it is empty if nothing changed.
func (s *Sim) UpdateAuthorization(appid string, set18 bool) string {
	a := s.apps.find(appid)
	if a == nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.authorized || a.set18 == set18 {
		return ""
	}
	a.set18 = set18
	return s.updated(a, s.clock.Now())
}

// updated pushes that what a locked app granted has changed.
func (s *Sim) updated(a *app, now time.Time) string {
	text := s.newAuthCode(a, now)
	s.push.grantEvent("updateauthorized", a, text, "", now)
	return text
}

// grantEvent pushes authorized or updateauthorized.
func (p *pusher) grantEvent(name string, a *app, code, preAuth string, now time.Time) {
	p.platformEvent(name, cdata("AuthorizerAppid", a.id), cdata("AuthorizationCode", code),
		number("AuthorizationCodeExpiredTime", now.Add(authCodeLife).Unix()), cdata("PreAuthCode", preAuth))
}

// authPages are the authorization pages; true marks those that are opened inside WeChat.
var authPages = map[string]bool{
	"mp.weixin.qq.com/cgi-bin/componentloginpage":    false,
	"open.weixin.qq.com/wxaopen/safe/bindcomponent":  true,
	"mp.weixin.qq.com/safe/bindcomponent":            true,
	"open.weixin.qq.com/wxaopen/safe/bindcomponent/": true,
}

// Visit plays a merchant with an app who opens an authorization page and approves: it checks the URL as the page does,
// uses its pre_auth_code up, and returns where the browser is sent back to.
func (s *Sim) Visit(page, appid string) (redirect string, err error) {
	u, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("visit: %w", err)
	}
	a := s.apps.find(appid)
	if a == nil {
		return "", fmt.Errorf("visit: appid %q: %w", appid, errNoApp)
	}
	back, err := s.checkPage(u, appid)
	if err != nil {
		return "", fmt.Errorf("visit %s%s: %w", u.Host, u.Path, err)
	}
	now, preAuth := s.clock.Now(), u.Query().Get("pre_auth_code")
	if !s.component.usePreAuth(preAuth, now) {
		return "", fmt.Errorf("visit %s%s: pre_auth_code is unknown, used or expired", u.Host, u.Path)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	code := s.authorize(a, preAuth, now)
	q := back.Query()
	q.Set("auth_code", code)
	q.Set("expires_in", strconv.Itoa(int(authCodeLife.Seconds())))
	back.RawQuery = q.Encode()
	return back.String(), nil
}

// checkPage checks the URL of an authorization page and returns its redirect_uri.
func (s *Sim) checkPage(u *url.URL, appid string) (*url.URL, error) {
	mobile, known := authPages[u.Host+u.Path]
	q := u.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	types := []string{"1", "2", "3", "4", "5", "6", "8"}
	switch {
	case !known || u.Scheme != "https":
		return nil, errors.New("this is no authorization page")
	case mobile && (q.Get("action") != "bindcomponent" || q.Get("no_scan") != "1" || u.Fragment != "wechat_redirect"):
		return nil, errors.New("want action=bindcomponent, no_scan=1 and #wechat_redirect")
	case q.Get("component_appid") != s.opt.ComponentAppID:
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

// usePreAuth uses a pre_auth_code up; false means it is not good.
func (co *component) usePreAuth(text string, now time.Time) bool {
	co.mu.Lock()
	defer co.mu.Unlock()
	until, known := co.preAuth[text]
	delete(co.preAuth, text)
	return known && now.Before(until)
}
