package tasks

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxsim"
)

// confRig is a rig whose app configuration is at the simulator; code calls go to the fake.
type confRig struct {
	*rig
	sim    *wxsim.Sim
	client *wxclient.Client
	trip   *tripper
}

// configured is an app at a stage whose plan has app configuration.
func configured(t *testing.T, stage rollout.Stage, text string) *confRig {
	t.Helper()
	r := &confRig{sim: wxsim.New(wxsim.Options{Apps: 1, Seed: 3}), trip: &tripper{}}
	t.Cleanup(r.sim.Close)
	srv := httptest.NewServer(r.sim)
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.trip.next = transport
	r.client = connect(t, srv.URL, r.trip)
	app := wxsim.AppID(0)
	r.sim.PlaceFile(app, "m.test.cn")
	r.sim.PlaceFile("", "m.test.cn")
	r.rig = newRigOf(t, app, func(p *rollout.Plan) {
		p.Configure = strings.ReplaceAll(text, "{{.city}}", `{{if eq .city "Foshan"}}foshan{{end}}`)
	})
	_, err := r.client.PlatformWebviewDomains(t.Context(), configapi.DomainAdd, []string{"m.test.cn"}, true)
	r.must(err)
	r.wx.versionInfo = exp("3.8.0", "winter")
	r.wx.commit = r.committed
	r.configs = r.client
	r.h = r.handler(Timing{})
	r.at(stage)
	return r
}

// connect makes a client with tokens of a registry.
func connect(t *testing.T, url string, rt http.RoundTripper) *wxclient.Client {
	t.Helper()
	_, rdb := redistest.Mini(t)
	client, err := wxclient.New(wxclient.Options{
		BaseURL: url, ComponentAppID: wxsim.DefaultComponentAppID, HTTPClient: &http.Client{Transport: rt, Timeout: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := registry.NewSealer("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := registry.New(registry.Options{
		ComponentAppID: wxsim.DefaultComponentAppID, Secret: wxsim.DefaultSecret, Ticket: wxsim.DefaultTicket,
		Sealer: sealer, Client: client, Redis: rdb,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithTokens(tokens)
}

// tripper sees the requests about app configuration, and lets one of them go wrong.
type tripper struct {
	next  http.RoundTripper
	wrong func(n int, path string, send func() error) error // nil: all goes well
	n     int
	paths []string
}

func (p *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.Path
	if strings.Contains(path, "/component/api_") {
		return p.next.RoundTrip(r)
	}
	p.n++
	p.paths = append(p.paths, path[strings.LastIndex(path, "/")+1:])
	if p.wrong == nil {
		return p.next.RoundTrip(r)
	}
	var reply *http.Response
	err := p.wrong(p.n, path, func() (err error) {
		reply, err = p.next.RoundTrip(r) //nolint:bodyclose // the caller closes it
		return err
	})
	if err != nil {
		if reply != nil {
			_ = reply.Body.Close()
		}
		return nil, err
	}
	return reply, nil
}

func (r *confRig) took() []string {
	paths := r.trip.paths
	r.trip.paths = nil
	return paths
}

func (r *confRig) writes(want int64) {
	r.Helper()
	if got := r.sim.Books().SettingWrites; got != want {
		r.Errorf("%d changes were written, want %d", got, want)
	}
}

// left are the changes that the plan would still make.
func (r *confRig) left() []appconfig.Change {
	r.Helper()
	tmpl, err := appconfig.Parse(r.plan().Configure)
	r.must(err)
	want, err := tmpl.Render(extjson.App{AppID: r.app, Columns: r.target().Columns})
	r.must(err)
	var all []appconfig.Change
	for _, kind := range want.Kinds() {
		work, err := kind.Open(r.client, want)
		r.must(err)
		r.must(work.Read(r.Context()))
		changes, err := work.Changes()
		r.must(err)
		all = append(all, slices.DeleteFunc(changes, func(c appconfig.Change) bool { return c.Perhaps })...)
	}
	return all
}

func (r *confRig) plan() rollout.Plan {
	p, err := r.ledger.Plan(r.Context(), "r1", 0)
	r.must(err)
	return p
}

// through takes the app from commit to its release.
func (r *confRig) through() {
	r.Helper()
	r.at(rollout.StageCommit)
	r.wx.versionInfo = exp("3.8.0", "winter")
	for range 60 {
		if t := r.target(); t.Stage == rollout.StageSubmit {
			r.wx.versionInfo = live(ourVersion, ourDesc)
			r.at(rollout.StageRelease)
		} else if t.State.Ended() {
			break
		} else if t.State != rollout.StatePending {
			r.wait(90 * time.Second)
			continue
		}
		_ = r.h.Run(r.Context(), r.claim())
	}
	r.is("release/released")
}

// wait lets time pass: what is parked wakes, and what is leased comes back.
func (r *confRig) wait(d time.Duration) {
	r.Helper()
	r.advance(d)
	_, err := r.ledger.WakeDue(r.Context(), 9)
	r.must(err)
	_, err = r.ledger.ExpireDue(r.Context(), 9)
	r.must(err)
}
