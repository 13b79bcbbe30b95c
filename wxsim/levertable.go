package wxsim

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// leverTable lists the levers; GET /_sim/ shows it.
func leverTable() []lever { //nolint:funlen // a table
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	return []lever{
		{get, "/_sim/", "list the levers", "", func(s *Sim, _ *pull) (any, error) { return s.levers, nil }},
		{get, "/_sim/state", "the settings in force", "", func(s *Sim, _ *pull) (any, error) { return s.set.Load(), nil }},
		{get, "/_sim/books", "everything accepted and every offence seen", "", func(s *Sim, _ *pull) (any, error) { return s.Books(), nil }},
		{get, "/_sim/check", "200 if the books balance, 409 with each imbalance; ?closing=N also bounds 85085 answers per closing", "", leverCheck},
		{get, "/_sim/tally", "count the apps by state and live version", "", func(s *Sim, _ *pull) (any, error) { return s.Tally(), nil }},
		{get, "/_sim/apps", "look at apps: ?state=&offset=&limit= or ?appid=", "", leverApps},
		{post, "/_sim/apps", "add generated apps", `{"add":10000}`, leverAddApps},
		{post, "/_sim/app", "change an app: account_status, authorized, set18, category, profile, mini_program, mini_game, needs_ugc, personal, nick_name, console_domains, no_private, no_release",
			`{"appid":"wx...","account_status":16}`, leverApp},
		{post, "/_sim/template", "add a template, or replace the one with its id; id -1 means the next free one", `{"id":-1,"version":"3.9.0","desc":"spring"}`, leverTemplate},
		{post, "/_sim/draft", "upload a draft, replacing the one there is", `{"version":"3.9.0","desc":"spring"}`, leverDraft},

		{post, "/_sim/seed", "change the seed of decisions to come", `{"seed":7}`, leverSeed},
		{post, "/_sim/latency", "real time a call takes", `{"range":"1ms-20ms"}`, span((*Sim).SetLatency)},
		{post, "/_sim/privacy-delay", "how long privacy checks to come take", `{"range":"2s"}`, span((*Sim).SetPrivacyDelay)},
		{post, "/_sim/audit-delay", "how long audits to come take", `{"range":"1s-3s"}`, span((*Sim).SetAuditDelay)},
		{post, "/_sim/reject-rate", "share of submissions to come that are rejected", `{"rate":0.1}`, share((*Sim).SetRejectRate)},
		{post, "/_sim/delay-rate", "share of audits to come that show status 4 for a while", `{"rate":0.1}`, share((*Sim).SetDelayRate)},
		{post, "/_sim/busy-rate", "share of calls answered -1", `{"rate":0.02}`, share((*Sim).SetBusyRate)},
		{post, "/_sim/lost-rate", "share of writes whose reply is dropped after they took effect", `{"rate":0.01}`, share((*Sim).SetLostRate)},
		{post, "/_sim/quirks", "choose between behaviors on which sources differ", `{"auditid_string":true,"release_twice":85019,"gray_needs_release":true,"option_by_component":false}`, leverQuirks},

		{post, "/_sim/quota", "set the submission quota; fields left out stay", `{"rest":0,"limit":200,"refill":"30s"}`, leverQuota},
		{post, "/_sim/limit", "bound the calls of an endpoint; zeros free it", `{"endpoint":"/wxa/commit","daily":0,"per_minute":600}`, leverLimit},
		{get, "/_sim/faults", "the faults in force", "", func(s *Sim, _ *pull) (any, error) { return s.Faults(), nil }},
		{post, "/_sim/faults", "make calls go wrong: kind busy, code, hang, drop-before, drop-after, 502, garbage, slow; count -1 means until cleared",
			`{"endpoint":"/wxa/commit","appid":"","kind":"code","code":45009,"count":3,"delay":"0s","effect":false}`, leverFault},
		{del, "/_sim/faults", "clear every fault", "", func(s *Sim, _ *pull) (any, error) { s.ClearFaults(); return done, nil }},

		{post, "/_sim/approve", "let running audits pass now", `{"appid":"wx..."} or {"all":true}`, one(true, func(s *Sim, in appBody) (any, error) {
			return map[string]int{"settled": s.Approve(in.AppID)}, nil
		})},
		{post, "/_sim/reject", "reject running audits now", `{"appid":"wx...","reason":"1:..."} or {"all":true}`, one(true, func(s *Sim, in appBody) (any, error) {
			return map[string]int{"settled": s.Reject(in.AppID, in.Reason)}, nil
		})},
		{post, "/_sim/decide-next", "decide an app's next submission in advance", `{"appid":"wx...","reject":true,"reason":"1:..."}`, one(false, func(s *Sim, in appBody) (any, error) {
			s.DecideNext(in.AppID, in.Reject, in.Reason)
			return done, nil
		})},
		{post, "/_sim/pass-everything", "running audits and all to come pass", "", func(s *Sim, _ *pull) (any, error) { s.PassEverything(); return done, nil }},
		{post, "/_sim/expire-component-token", "component tokens answer 42001", "", func(s *Sim, _ *pull) (any, error) { s.ExpireComponentToken(); return done, nil }},
		{post, "/_sim/expire-tokens", "app tokens answer 42001", `{"appid":"wx..."} or {"all":true}`, one(true, func(s *Sim, in appBody) (any, error) {
			s.ExpireToken(in.AppID)
			return done, nil
		})},
		{post, "/_sim/rotate-refresh-tokens", "new refresh tokens; the old ones work 5 more minutes", `{"appid":"wx..."} or {"all":true}`, one(true, func(s *Sim, in appBody) (any, error) {
			s.RotateRefreshToken(in.AppID)
			return done, nil
		})},
		{post, "/_sim/authorize", "a merchant approves the platform: returns and pushes an authorization_code", `{"appid":"wx..."}`, one(false, func(s *Sim, in appBody) (any, error) {
			return map[string]string{"authorization_code": s.Authorize(in.AppID)}, nil
		})},
		{post, "/_sim/unauthorize", "a merchant takes the authorization back: pushes unauthorized", `{"appid":"wx..."}`, one(false, func(s *Sim, in appBody) (any, error) {
			return map[string]bool{"was_authorized": s.Unauthorize(in.AppID)}, nil
		})},
		{post, "/_sim/update-authorization", "a merchant grants permission set 18 or takes it back: returns and pushes an authorization_code", `{"appid":"wx...","set18":false}`, leverUpdateAuthorization},
		{post, "/_sim/visit", "a merchant approves on an authorization page: returns where the browser is sent",
			`{"appid":"wx...","url":"https://..."}`, leverVisit},
		{get, "/_sim/registrations", "the registrations, and which wait for somebody to agree", "", func(s *Sim, _ *pull) (any, error) { return s.Registrations(), nil }},
		{post, "/_sim/register", "end a registration: status 0 means that somebody agreed", `{"id":"...","status":0}`, leverRegister},
		{post, "/_sim/place-file", "put the confirm file of an app, or of the component without one, on a host", `{"appid":"wx...","host":"shop.example.com"}`, leverPlaceFile},
		{post, "/_sim/privacy-interface", "end an app's application for a location api; without a reason it passes", `{"appid":"wx...","api":"wx.getLocation","reason":""}`, leverInterface},
		{post, "/_sim/forget-renewals", "count the renewals of tokens anew", "", func(s *Sim, _ *pull) (any, error) { s.ForgetRenewals(); return done, nil }},
		{post, "/_sim/ticket-every", "push a ticket now and then so often; 0s ends it", `{"every":"10m"}`, leverTicketEvery},
		{post, "/_sim/push-ticket", "issue and push a component_verify_ticket", "", func(s *Sim, _ *pull) (any, error) {
			return map[string]string{"ticket": s.PushTicket()}, nil
		}},
		{post, "/_sim/stop-tickets", "stop ticket pushes until api_start_push_ticket", "", func(s *Sim, _ *pull) (any, error) { s.StopTickets(); return done, nil }},
		{post, "/_sim/push-verdict", "push the end of an app's latest audit again", `{"appid":"wx..."}`, one(false, func(s *Sim, in appBody) (any, error) {
			return map[string]bool{"pushed": s.PushVerdict(in.AppID)}, nil
		})},
		{post, "/_sim/push-shares", "shares of pushes that go astray", `{"lost":0.1,"late":0.1,"doubled":0.1,"out_of_order":0.1}`, leverPushShares},
		{post, "/_sim/advance", "move a manual clock", `{"by":"1h"}`, leverAdvance},
	}
}

func leverCheck(s *Sim, p *pull) (any, error) {
	b := s.Books()
	err := b.Check()
	if p.query.Has("closing") {
		n, bad := p.number("closing", 0)
		if bad != nil {
			return nil, bad
		}
		err = errors.Join(err, b.CheckClosings(int64(n)))
	}
	return map[string]bool{"balanced": true}, err
}

func leverApps(s *Sim, p *pull) (any, error) {
	if id := p.query.Get("appid"); id != "" {
		v, ok := s.App(id)
		if !ok {
			return nil, fmt.Errorf("appid %q: %w", id, errNoApp)
		}
		return v, nil
	}
	offset, err := p.number("offset", 0)
	limit, err2 := p.number("limit", 100)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	views, total := s.Apps(p.query.Get("state"), offset, limit)
	return map[string]any{"total": total, "apps": views}, nil
}

// maxAdd bounds the apps one pull may add.
const maxAdd = 1_000_000

func leverAddApps(s *Sim, p *pull) (any, error) {
	in := struct {
		Add int `json:"add"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if in.Add < 1 || in.Add > maxAdd {
		return nil, fmt.Errorf("add: want 1 to %d", maxAdd)
	}
	s.AddApps(in.Add)
	return map[string]int{"apps": len(s.apps.all())}, nil
}

func leverApp(s *Sim, p *pull) (any, error) {
	in := struct {
		AppID string `json:"appid"`
		AppChange
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if s.apps.find(in.AppID) == nil {
		return nil, fmt.Errorf("appid %q: %w", in.AppID, errNoApp)
	}
	return done, s.ChangeApp(in.AppID, in.AppChange)
}

func leverTemplate(s *Sim, p *pull) (any, error) {
	t := Template{ID: -1}
	if err := p.into(&t); err != nil {
		return nil, err
	}
	return map[string]int64{"template_id": s.PutTemplate(t)}, nil
}

func leverDraft(s *Sim, p *pull) (any, error) {
	var t Template
	if err := p.into(&t); err != nil {
		return nil, err
	}
	return map[string]int64{"draft_id": s.PutDraft(t)}, nil
}

func leverSeed(s *Sim, p *pull) (any, error) {
	in := struct {
		Seed *uint64 `json:"seed"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if in.Seed == nil {
		return nil, errors.New("seed: want a number from 0")
	}
	s.SetSeed(*in.Seed)
	return done, nil
}

func leverQuirks(s *Sim, p *pull) (any, error) {
	q := s.set.Load().Quirks
	if err := p.into(&q); err != nil {
		return nil, err
	}
	s.SetQuirks(q)
	return q, nil
}

func leverQuota(s *Sim, p *pull) (any, error) {
	in := struct {
		Rest   *int      `json:"rest"`
		Limit  *int      `json:"limit"`
		Refill *Duration `json:"refill"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	now := s.Books().Quota
	if in.Rest != nil || in.Limit != nil {
		rest, limit := now.Rest, now.Limit
		if in.Rest != nil {
			rest = *in.Rest
		}
		if in.Limit != nil {
			limit = *in.Limit
		}
		s.SetQuota(rest, limit)
	}
	if in.Refill != nil {
		s.SetRefill(time.Duration(*in.Refill))
	}
	q := s.Books().Quota
	return map[string]int{"rest": q.Rest, "limit": q.Limit}, nil
}

func leverLimit(s *Sim, p *pull) (any, error) {
	in := struct {
		Endpoint string `json:"endpoint"`
		Limit
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if !s.SetLimit(in.Endpoint, in.Limit) {
		return nil, fmt.Errorf("endpoint %q is not played; give the path, such as /wxa/commit", in.Endpoint)
	}
	return done, nil
}

func leverFault(s *Sim, p *pull) (any, error) {
	var f Fault
	if err := p.into(&f); err != nil {
		return nil, err
	}
	if err := s.AddFault(f); err != nil {
		return nil, err
	}
	return s.Faults(), nil
}

func leverPushShares(s *Sim, p *pull) (any, error) {
	x := s.set.Load()
	in := struct {
		Lost       float64 `json:"lost"`
		Late       float64 `json:"late"`
		Doubled    float64 `json:"doubled"`
		OutOfOrder float64 `json:"out_of_order"`
	}{x.PushLost, x.PushLate, x.PushDoubled, x.PushOutOfOrder}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	s.SetPushShares(in.Lost, in.Late, in.Doubled, in.OutOfOrder)
	return in, nil
}

func leverAdvance(s *Sim, p *pull) (any, error) {
	in := struct {
		By Duration `json:"by"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	c, ok := s.clock.(*ManualClock)
	if !ok {
		return nil, errors.New("advance: the clock is the real one; start the simulator with a manual clock")
	}
	if in.By <= 0 {
		return nil, errors.New("by: want a positive duration such as 1h")
	}
	c.Advance(time.Duration(in.By))
	return map[string]time.Time{"now": c.Now()}, nil
}
