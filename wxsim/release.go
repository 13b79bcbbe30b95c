package wxsim

import "strconv"

// historyKept is how many published versions can be gone back to.
const historyKept = 5

// approved is the newest audit that passed, or nil.
func (c *call) approved() *audit {
	a := c.app
	for i := len(a.audits) - 1; i >= 0; i-- {
		if a.audits[i].state(c.now) == AuditPassed {
			return a.audits[i]
		}
	}
	return nil
}

// release plays wxa/release: it publishes the version that passed last, whatever the trial version is by now.
func (c *call) release() reply {
	a := c.app
	last, ok := a.latest(), c.approved()
	switch {
	case ok != nil && !ok.released:
		return c.publish(ok)
	case last == nil || last.state(c.now) == AuditWithdrawn:
		c.sim.bookEarly(a, last, 85019, c.now)
		return failure(85019)
	case last != ok:
		c.sim.bookEarly(a, last, 85020, c.now)
		return failure(85020)
	}
	if l := a.live; l == nil || !l.byGray || l.auditid != ok.id {
		c.sim.bookRepeat(a, ok, c.now)
	}
	switch code := c.set.Quirks.ReleaseTwice; code {
	case 0:
		return failure(85052)
	case -2:
		return success(nil)
	default:
		return failure(code)
	}
}

// publish makes the version of a passed audit the live one.
func (c *call) publish(au *audit) reply {
	a := c.app
	c.sim.bookRelease(a, au, c.now)
	if a.gray != nil && a.gray.status == grayRunning {
		a.gray.status = grayFinished
	}
	au.released = true
	a.privacy.goOnline()
	c.sim.releaseDomains(a)
	a.goLive(&published{version: au.version, desc: au.desc, at: c.now, auditid: au.id})
	return success(nil)
}

// goLive adds a published version to the history.
func (a *app) goLive(p *published) {
	a.appVer++
	p.appVersion = a.appVer
	a.live = p
	a.versions = append(a.versions, p)
	if len(a.versions) > historyKept+1 {
		a.versions = a.versions[1:]
	}
}

// versionInfo plays getversioninfo: absent objects mean there is none yet.
func (c *call) versionInfo() reply {
	p := payload{}
	if tr := c.app.trial; tr != nil {
		p["exp_info"] = payload{"exp_time": tr.at.Unix(), "exp_version": tr.version, "exp_desc": tr.desc}
	}
	if l := c.app.live; l != nil {
		p["release_info"] = payload{"release_time": l.at.Unix(), "release_version": l.version, "release_desc": l.desc}
	}
	return success(p)
}

// revertRelease plays revertcoderelease, and its history when asked by query.
func (c *call) revertRelease() reply {
	a, q := c.app, c.r.URL.Query()
	switch q.Get("action") {
	case "":
	case "get_history_version":
		return success(payload{"version_list": a.history()})
	default:
		return failure(40097)
	}
	if a.gray != nil && a.gray.status == grayRunning {
		return failure(87011)
	}
	var target *published
	if want := q.Get("app_version"); want != "" {
		n, err := strconv.Atoi(want)
		if err != nil {
			return failure(40097)
		}
		target = a.earlier(func(p *published) bool { return p.appVersion == n })
	} else {
		target = a.earlier(func(*published) bool { return true })
	}
	if target == nil {
		return failure(87012)
	}
	a.live.reverted = true
	a.live = target
	c.sim.books.revert()
	return success(nil)
}

// earlier is the newest version before the live one that may be gone back to.
func (a *app) earlier(want func(*published) bool) *published {
	for i := len(a.versions) - 1; i >= 0; i-- {
		p := a.versions[i]
		if a.live != nil && p.appVersion < a.live.appVersion && !p.reverted && want(p) {
			return p
		}
	}
	return nil
}

// history lists the versions before the live one, newest first.
func (a *app) history() []payload {
	list := []payload{}
	for i := len(a.versions) - 1; i >= 0 && len(list) < historyKept; i-- {
		p := a.versions[i]
		if a.live == nil || p.appVersion >= a.live.appVersion {
			continue
		}
		list = append(list, payload{
			"app_version": p.appVersion, "user_version": p.version, "user_desc": p.desc, "commit_time": p.at.Unix(),
		})
	}
	return list
}
