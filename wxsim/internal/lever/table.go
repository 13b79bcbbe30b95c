package lever

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

const (
	get  = http.MethodGet
	post = http.MethodPost
	del  = http.MethodDelete
)

// state lists the levers that show the simulator or change what is in it.
func (l *Levers) state() []lever {
	w := l.world
	return []lever{
		{get, "/_sim/", "list the levers", "", show(func() []lever { return l.table })},
		{get, "/_sim/state", "the settings in force", "", show(w.Settings)},
		{get, "/_sim/books", "what was accepted, and every offence", "", show(w.Snapshot)},
		{get, "/_sim/check", "200 if the books balance, 409 with each imbalance; ?closing=N also bounds 85085 answers per closing", "", l.check},
		{get, "/_sim/tally", "count the apps by state and live version", "", show(w.Tally)},
		{get, "/_sim/apps", "show apps: ?state=&offset=&limit= or ?appid=", "", l.apps},
		{post, "/_sim/apps", "add generated apps", `{"add":10000}`, with(l.addApps)},
		{post, "/_sim/app", "change an app: account_status, authorized, set18, category, profile, mini_program, mini_game, needs_ugc, personal, nick_name, console_domains, no_private, no_release",
			`{"appid":"wx...","account_status":16}`, with(func(in struct {
				AppID string `json:"appid"`
				model.Change
			},
			) (any, error) {
				return done, w.ChangeApp(in.AppID, in.Change)
			})},
		{post, "/_sim/template", "add a template, or replace the one with its id; id -1 means the next free one", `{"id":-1,"version":"3.9.0","desc":"spring"}`, l.template},
		{post, "/_sim/draft", "upload a draft, replacing the last one", `{"version":"3.9.0","desc":"spring"}`, with(func(t model.Template) (any, error) {
			return map[string]int64{"draft_id": w.PutDraft(t)}, nil
		})},
	}
}

// settings lists the levers that change settings, quota, limits and faults.
func (l *Levers) settings() []lever {
	return []lever{
		{post, "/_sim/seed", "change the seed of later decisions", `{"seed":7}`, with(l.seed)},
		{post, "/_sim/latency", "duration of a call in real time", `{"range":"1ms-20ms"}`, l.span(func(x *model.Settings, r chance.Range) { x.Latency = r })},
		{post, "/_sim/privacy-delay", "duration of later privacy checks", `{"range":"2s"}`, l.span(func(x *model.Settings, r chance.Range) { x.PrivacyDelay = r })},
		{post, "/_sim/audit-delay", "duration of later audits", `{"range":"1s-3s"}`, l.span(func(x *model.Settings, r chance.Range) { x.AuditDelay = r })},
		{post, "/_sim/reject-rate", "share of later submissions that are rejected", `{"rate":0.1}`, l.rate(func(x *model.Settings, s float64) { x.RejectRate = s })},
		{post, "/_sim/delay-rate", "share of later audits that show status 4 for a while", `{"rate":0.1}`, l.rate(func(x *model.Settings, s float64) { x.DelayRate = s })},
		{post, "/_sim/busy-rate", "share of calls answered -1", `{"rate":0.02}`, l.rate(func(x *model.Settings, s float64) { x.BusyRate = s })},
		{post, "/_sim/lost-rate", "share of writes whose reply is dropped after they took effect", `{"rate":0.01}`, l.rate(func(x *model.Settings, s float64) { x.LostRate = s })},
		{post, "/_sim/quirks", "choose between behaviors on which sources differ", `{"auditid_string":true,"release_twice":85019,"gray_needs_release":true,"option_by_component":false,"library_by_app":true}`, l.quirks},

		{post, "/_sim/quota", "set the submission quota; absent fields stay", `{"rest":0,"limit":200,"refill":"30s"}`, with(l.quota)},
		{post, "/_sim/limit", "bound the calls of an endpoint; zeros free it", `{"endpoint":"/wxa/commit","daily":0,"per_minute":600}`, with(l.limit)},
		{get, "/_sim/faults", "the faults in force", "", show(l.gateway.Faults)},
		{post, "/_sim/faults", "make calls fail: kind busy, code, hang, drop-before, drop-after, 502, garbage, slow; count -1 means until cleared",
			`{"endpoint":"/wxa/commit","appid":"","kind":"code","code":45009,"count":3,"delay":"0s","effect":false}`, with(func(f gateway.Fault) (any, error) {
				if err := l.gateway.AddFault(f); err != nil {
					return nil, err
				}
				return l.gateway.Faults(), nil
			})},
		{del, "/_sim/faults", "clear every fault", "", do(l.gateway.ClearFaults)},
	}
}

// actors lists the levers that play auditors, merchants and WeChat.
func (l *Levers) actors() []lever {
	w := l.world
	return []lever{
		{post, "/_sim/approve", "let running audits pass now", `{"appid":"wx..."} or {"all":true}`, l.one(true, func(in appBody) any { return map[string]int{"settled": w.Approve(in.AppID)} })},
		{post, "/_sim/reject", "reject running audits now", `{"appid":"wx...","reason":"1:..."} or {"all":true}`, l.one(true, func(in appBody) any { return map[string]int{"settled": w.Reject(in.AppID, in.Reason)} })},
		{post, "/_sim/decide-next", "decide an app's next submission in advance", `{"appid":"wx...","reject":true,"reason":"1:..."}`, l.one(false, func(in appBody) any { w.DecideNext(in.AppID, in.Reject, in.Reason); return done })},
		{post, "/_sim/pass-everything", "let running audits and all later ones pass", "", do(w.PassEverything)},
		{post, "/_sim/expire-component-token", "component tokens answer 42001", "", do(w.ExpireComponentToken)},
		{post, "/_sim/expire-tokens", "app tokens answer 42001", `{"appid":"wx..."} or {"all":true}`, l.one(true, func(in appBody) any { w.ExpireToken(in.AppID); return done })},
		{post, "/_sim/rotate-refresh-tokens", "new refresh tokens; the old ones work 5 more minutes", `{"appid":"wx..."} or {"all":true}`, l.one(true, func(in appBody) any { w.RotateRefreshToken(in.AppID); return done })},
		{post, "/_sim/authorize", "a merchant approves the platform: returns an authorization_code, and sends it in a callback", `{"appid":"wx..."}`, l.one(false, func(in appBody) any { return map[string]string{"authorization_code": w.Authorize(in.AppID)} })},
		{post, "/_sim/unauthorize", "a merchant takes the authorization back: the callback is unauthorized", `{"appid":"wx..."}`, l.one(false, func(in appBody) any { return map[string]bool{"was_authorized": w.Unauthorize(in.AppID)} })},
		{post, "/_sim/update-authorization", "a merchant grants permission set 18 or takes it back: returns an authorization_code, and sends it in a callback", `{"appid":"wx...","set18":false}`, with(l.updateAuthorization)},
		{post, "/_sim/visit", "a merchant approves on an authorization page: returns where the browser is redirected",
			`{"appid":"wx...","url":"https://..."}`, with(l.visit)},
		{get, "/_sim/registrations", "the app creations, and which wait for a person to agree", "", show(w.Creations)},
		{post, "/_sim/register", "end an app creation: status 0 means that the person agreed", `{"id":"...","status":0}`, with(l.register)},
		{post, "/_sim/place-file", "put the confirm file of an app, or of the component without one, on a host", `{"appid":"wx...","host":"shop.example.com"}`, with(l.placeFile)},
		{post, "/_sim/privacy-interface", "end an app's application for a location api; without a reason it is granted", `{"appid":"wx...","api":"wx.getLocation","reason":""}`, with(l.decideInterface)},
		{post, "/_sim/forget-renewals", "set the counts of token renewals to zero", "", do(w.ForgetRenewals)},
		{post, "/_sim/ticket-every", "send a ticket now and at this interval; 0s ends it", `{"every":"10m"}`, with(l.ticketEvery)},
		{post, "/_sim/push-ticket", "issue a component_verify_ticket, and send it in a callback", "", show(func() any { return map[string]string{"ticket": w.SendTicket()} })},
		{post, "/_sim/stop-tickets", "stop ticket callbacks until api_start_push_ticket", "", do(w.StopTickets)},
		{post, "/_sim/push-verdict", "send the callback of the end of an app's latest audit again", `{"appid":"wx..."}`, l.one(false, func(in appBody) any { return map[string]bool{"pushed": w.SendVerdict(in.AppID)} })},
		{post, "/_sim/push-shares", "shares of callbacks that are lost, late, doubled or out of order", `{"lost":0.1,"late":0.1,"doubled":0.1,"out_of_order":0.1}`, l.callbackShares},
		{post, "/_sim/advance", "move a manual clock", `{"by":"1h"}`, with(l.advance)},
	}
}

func (l *Levers) check(r *request) (any, error) {
	b := l.world.Snapshot()
	err := b.Check()
	if r.query.Has("closing") {
		n, bad := r.number("closing", 0)
		if bad != nil {
			return nil, bad
		}
		err = errors.Join(err, b.CheckClosings(int64(n)))
	}
	return map[string]bool{"balanced": true}, err
}

func (l *Levers) apps(r *request) (any, error) {
	if id := r.query.Get("appid"); id != "" {
		_, err := l.world.Find(id)
		v, _ := l.world.View(id)
		return v, err
	}
	offset, err := r.number("offset", 0)
	limit, err2 := r.number("limit", 100)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	views, total := l.world.Views(r.query.Get("state"), offset, limit)
	return map[string]any{"total": total, "apps": views}, nil
}

// maxAdd bounds the apps of one request.
const maxAdd = 1_000_000

func (l *Levers) addApps(in struct {
	Add int `json:"add"`
},
) (any, error) {
	if in.Add < 1 || in.Add > maxAdd {
		return nil, fmt.Errorf("add: want 1 to %d", maxAdd)
	}
	l.world.AddApps(in.Add)
	return map[string]int{"apps": len(l.world.Apps())}, nil
}

func (l *Levers) template(r *request) (any, error) {
	t := model.Template{ID: -1}
	if err := r.into(&t); err != nil {
		return nil, err
	}
	return map[string]int64{"template_id": l.world.PutTemplate(t)}, nil
}

func (l *Levers) seed(in struct {
	Seed *uint64 `json:"seed"`
},
) (any, error) {
	if in.Seed == nil {
		return nil, errors.New("seed: want a number from 0")
	}
	return change(l, func(x *model.Settings, seed uint64) { x.Seed = seed })(*in.Seed)
}

func (l *Levers) quirks(r *request) (any, error) {
	q := l.world.Settings().Quirks
	if err := r.into(&q); err != nil {
		return nil, err
	}
	l.world.Change(func(x *model.Settings) { x.Quirks = q })
	return q, nil
}

func (l *Levers) quota(in struct {
	Rest   *int              `json:"rest"`
	Limit  *int              `json:"limit"`
	Refill *gateway.Duration `json:"refill"`
},
) (any, error) {
	w := l.world
	q := w.Allowance(w.Clock.Now())
	if in.Rest != nil {
		q.Rest = *in.Rest
	}
	if in.Limit != nil {
		q.Limit = *in.Limit
	}
	if in.Rest != nil || in.Limit != nil {
		w.SetQuota(q.Rest, q.Limit)
	}
	if in.Refill != nil {
		w.SetRefill(time.Duration(*in.Refill))
	}
	q = w.Allowance(w.Clock.Now())
	return map[string]int{"rest": q.Rest, "limit": q.Limit}, nil
}

func (l *Levers) limit(in struct {
	Endpoint string `json:"endpoint"`
	gateway.Limit
},
) (any, error) {
	if !l.gateway.SetLimit(in.Endpoint, in.Limit) {
		return nil, fmt.Errorf("endpoint %q is not played; give the path, such as /wxa/commit", in.Endpoint)
	}
	return done, nil
}

func (l *Levers) updateAuthorization(in struct {
	AppID string `json:"appid"`
	Set18 *bool  `json:"set18"`
},
) (any, error) {
	if _, err := l.world.Find(in.AppID); err != nil {
		return nil, err
	}
	if in.Set18 == nil {
		return nil, errors.New("set18: want true or false")
	}
	return map[string]string{"authorization_code": l.world.UpdateAuthorization(in.AppID, *in.Set18)}, nil
}

func (l *Levers) visit(in struct {
	AppID string `json:"appid"`
	URL   string `json:"url"`
},
) (any, error) {
	redirect, err := l.world.Visit(in.URL, in.AppID)
	return map[string]string{"redirect": redirect}, err
}

func (l *Levers) register(in struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
},
) (any, error) {
	appid, err := l.world.FinishCreation(in.ID, in.Status)
	return map[string]string{"appid": appid}, err
}

func (l *Levers) placeFile(in struct {
	AppID string `json:"appid"`
	Host  string `json:"host"`
},
) (any, error) {
	if _, err := l.world.Find(in.AppID); err != nil && in.AppID != "" {
		return nil, err
	}
	if appconfig.BareHost(in.Host) == "" {
		return nil, fmt.Errorf("host %q: want a form like shop.example.com", in.Host)
	}
	l.world.Platform.PlaceFile(in.AppID, in.Host)
	return done, nil
}

func (l *Levers) decideInterface(in struct {
	AppID  string `json:"appid"`
	API    string `json:"api"`
	Reason string `json:"reason"`
},
) (any, error) {
	if !l.world.DecideInterface(in.AppID, in.API, in.Reason) {
		return nil, fmt.Errorf("app %q has no application for %q that waits", in.AppID, in.API)
	}
	return done, nil
}

func (l *Levers) ticketEvery(in struct {
	Every *gateway.Duration `json:"every"`
},
) (any, error) {
	if in.Every == nil || *in.Every < 0 {
		return nil, errors.New("every: want a duration such as 10m, or 0s")
	}
	l.world.SetTicketEvery(time.Duration(*in.Every))
	return done, nil
}

func (l *Levers) callbackShares(r *request) (any, error) {
	x := l.world.Settings()
	in := struct {
		Lost       float64 `json:"lost"`
		Late       float64 `json:"late"`
		Doubled    float64 `json:"doubled"`
		OutOfOrder float64 `json:"out_of_order"`
	}{x.CallbackLost, x.CallbackLate, x.CallbackDoubled, x.CallbackOutOfOrder}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	l.world.Change(func(x *model.Settings) {
		x.CallbackLost, x.CallbackLate, x.CallbackDoubled, x.CallbackOutOfOrder = in.Lost, in.Late, in.Doubled, in.OutOfOrder
	})
	return in, nil
}

func (l *Levers) advance(in struct {
	By gateway.Duration `json:"by"`
},
) (any, error) {
	c, ok := l.world.Clock.(*clock.Manual)
	switch {
	case !ok:
		return nil, errors.New("advance: the clock is the real one; start the simulator with a manual clock")
	case in.By <= 0:
		return nil, errors.New("by: want a positive duration such as 1h")
	}
	c.Advance(time.Duration(in.By))
	return map[string]time.Time{"now": c.Now()}, nil
}
