package wxsim

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pushesAtOnce bounds the deliveries under way.
const pushesAtOnce = 32

// PushBook counts pushes.
type PushBook struct {
	// Made counts events; Lost, Late, Doubled and Held (out of order) count what chance did to them.
	Made    int64 `json:"made"`
	Lost    int64 `json:"lost"`
	Late    int64 `json:"late"`
	Doubled int64 `json:"doubled"`
	Held    int64 `json:"held"`
	// Accepted counts attempts answered "success", Refused all others.
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
}

// event is one push: which app it is about (the platform's own appid for its events), and the message.
type event struct {
	name  string
	appid string
	url   string
	to    string // element of the envelope that names the receiver
	id    string // its content
	msg   string
}

// pusher sends encrypted events, as badly as the settings say.
type pusher struct {
	s      *Sim
	client *http.Client
	key    []byte
	slots  chan struct{}
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	counts map[string]uint64 // events so far by name and appid
	nonces uint64
	held   []event
	beat   int // counts the starts of ticket pushes; older ones end
}

func newPusher(s *Sim) *pusher {
	key, err := aesKey(s.opt.Push.AESKey)
	if err != nil {
		panic("wxsim: Options.Push: " + err.Error())
	}
	client := s.opt.Push.Client
	if client == nil {
		client = &http.Client{}
	}
	return &pusher{s: s, client: client, key: key, slots: make(chan struct{}, pushesAtOnce), counts: map[string]uint64{}}
}

// start begins the ticket pushes, in place of those there were.
func (p *pusher) start(every time.Duration) {
	p.mu.Lock()
	p.beat++
	beat := p.beat
	p.mu.Unlock()
	if p.s.opt.Push.AuthURL == "" || every <= 0 {
		return
	}
	var tick func()
	tick = func() {
		p.mu.Lock()
		over := p.closed || p.beat != beat
		p.mu.Unlock()
		if over || p.s.closing.Err() != nil {
			return
		}
		p.s.component.mu.Lock()
		stopped := p.s.component.stopped
		p.s.component.mu.Unlock()
		if !stopped {
			p.ticket()
		}
		p.s.clock.AfterFunc(every, tick)
	}
	tick()
}

// SetTicketEvery changes the pause between ticket pushes and pushes one at once; zero ends them.
func (s *Sim) SetTicketEvery(every time.Duration) { s.push.start(every) }

// wait ends the pusher once the Sim is closing.
func (p *pusher) wait() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}

// post gives an event to chance and then to the network. It does not block.
func (p *pusher) post(e event) {
	if e.url == "" {
		return
	}
	set := p.s.set.Load()
	p.mu.Lock()
	key := e.name + " " + e.appid
	n := p.counts[key]
	p.counts[key]++
	p.mu.Unlock()
	luck := func(kind string) float64 { return unit(hash(set.Seed, e.appid, "push-"+kind+e.name, n)) }
	lateBy := p.s.opt.Push.LateBy
	p.book(func(b *PushBook) { b.Made++ })
	if luck("lost") < set.PushLost {
		p.book(func(b *PushBook) { b.Lost++ })
		return
	}
	if luck("doubled") < set.PushDoubled {
		p.book(func(b *PushBook) { b.Doubled++ })
		p.send(e, 1)
	}
	switch {
	case luck("order") < set.PushOutOfOrder:
		p.book(func(b *PushBook) { b.Held++ })
		p.mu.Lock()
		p.held = append(p.held, e)
		p.mu.Unlock()
		p.s.clock.AfterFunc(max(lateBy.Min, lateBy.Max), p.letGo)
	case luck("late") < set.PushLate:
		p.book(func(b *PushBook) { b.Late++ })
		p.s.clock.AfterFunc(lateBy.at(luck("late-by")), func() { p.send(e, 1) })
	default:
		p.send(e, 1)
	}
}

// letGo sends the events that were held back.
func (p *pusher) letGo() {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, e := range held {
		p.send(e, 1)
	}
}

// send delivers an event in the background, and again until it is accepted or has had its attempts.
func (p *pusher) send(e event, attempt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-p.s.closing.Done():
			return
		}
		if p.deliver(e) {
			p.book(func(b *PushBook) { b.Accepted++ })
		} else {
			p.book(func(b *PushBook) { b.Refused++ })
			if attempt < p.s.opt.Push.Attempts {
				p.s.clock.AfterFunc(p.s.opt.Push.RetryAfter, func() { p.send(e, attempt+1) })
			}
		}
		p.letGo()
	}()
}

// deliver makes one attempt; only the plain word success accepts it.
func (p *pusher) deliver(e event) bool {
	o := p.s.opt.Push
	target, body, err := p.envelope(e)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(p.s.closing, o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "text/xml")
	res, err := p.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	return err == nil && res.StatusCode == http.StatusOK && string(answer) == "success"
}

// envelope encrypts and signs an event for one attempt.
func (p *pusher) envelope(e event) (target string, body []byte, err error) {
	o := p.s.opt
	p.mu.Lock()
	p.nonces++
	n := p.nonces
	p.mu.Unlock()
	seed := p.s.set.Load().Seed
	random := binary.BigEndian.AppendUint64(nil, hash(seed, e.appid, "push-random-a", n))
	random = binary.BigEndian.AppendUint64(random, hash(seed, e.appid, "push-random-b", n))
	nonce := strconv.FormatUint(hash(seed, e.appid, "push-nonce", n)%1e10, 10)
	stamp := strconv.FormatInt(p.s.clock.Now().Unix(), 10)
	encrypted := seal(p.key, random, e.msg, o.ComponentAppID)

	u, err := url.Parse(e.url)
	if err != nil {
		return "", nil, fmt.Errorf("push to %q: %w", e.url, err)
	}
	q := u.Query()
	plain := sign(o.Push.Token, stamp, nonce, "")
	q.Set("signature", plain)
	q.Set("timestamp", stamp)
	q.Set("nonce", nonce)
	q.Set("encrypt_type", "aes")
	q.Set("msg_signature", sign(o.Push.Token, stamp, nonce, encrypted))
	u.RawQuery = q.Encode()
	body = fmt.Appendf(nil, "<xml><%s><![CDATA[%s]]></%s><Encrypt><![CDATA[%s]]></Encrypt></xml>", e.to, e.id, e.to, encrypted)
	return u.String(), body, nil
}

func (p *pusher) book(count func(*PushBook)) {
	b := &p.s.books
	b.mu.Lock()
	defer b.mu.Unlock()
	count(&b.pushes)
}

// platformEvent pushes to the authorization event URL.
func (p *pusher) platformEvent(name string, elements ...string) {
	o, now := p.s.opt, p.s.clock.Now()
	p.post(event{
		name: name, appid: o.ComponentAppID, url: o.Push.AuthURL, to: "AppId", id: o.ComponentAppID,
		msg: fmt.Sprintf("<xml><AppId><![CDATA[%s]]></AppId><CreateTime>%d</CreateTime><InfoType><![CDATA[%s]]></InfoType>%s</xml>",
			o.ComponentAppID, now.Unix(), name, strings.Join(elements, "")),
	})
}

// cdata writes one element.
func cdata(name, value string) string {
	return "<" + name + "><![CDATA[" + value + "]]></" + name + ">"
}

// element writes one element around others.
func element(name string, parts ...string) string {
	return "<" + name + ">" + strings.Join(parts, "") + "</" + name + ">"
}

// number writes one element.
func number(name string, n int64) string {
	return "<" + name + ">" + strconv.FormatInt(n, 10) + "</" + name + ">"
}

// ticket issues and pushes a new component_verify_ticket.
func (p *pusher) ticket() {
	text := p.s.newTicket(p.s.clock.Now())
	p.platformEvent("component_verify_ticket", cdata("ComponentVerifyTicket", text))
}

// appEvent pushes to the message and event URL of an app: neither its appid nor the auditid is in the message.
func (p *pusher) appEvent(a *app, at time.Time, name string, elements ...string) {
	const sender = "od4PTw1lqZuDE1Tz8y0gOffIc1a0"
	target := strings.ReplaceAll(p.s.opt.Push.AppURL, "$APPID$", a.id)
	p.post(event{
		name: name, appid: a.id, url: target, to: "ToUserName", id: a.user,
		msg: "<xml>" + cdata("ToUserName", a.user) + cdata("FromUserName", sender) + number("CreateTime", at.Unix()) +
			cdata("MsgType", "event") + cdata("Event", name) + strings.Join(elements, "") + "</xml>",
	})
}
