// Package callback sends the events of the model to the platform under test: encrypted, signed, and as unreliably as the
// settings ask for.
package callback

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

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// parallel bounds the deliveries that run at the same time.
const parallel = 32

// Options say where callbacks go and how unreliable they are. Shares are 0..1.
type Options struct {
	// AuthURL receives tickets and authorization events; empty means that they are not sent.
	AuthURL string
	// AppURL receives audit events; $APPID$ in it becomes the appid; empty means that they are not sent.
	AppURL string
	// TicketEvery is the interval of ticket callbacks; zero means that tickets are sent on request only.
	TicketEvery time.Duration
	// Token and AESKey sign and encrypt; they default to DefaultToken and DefaultAESKey.
	Token, AESKey string
	// Lost callbacks are never sent, Late ones wait LateBy, Doubled ones are sent twice, OutOfOrder ones are held back
	// until another callback was sent or LateBy has passed.
	Lost, Late, Doubled, OutOfOrder float64
	// LateBy is the delay of late callbacks; zero means 1s-3s.
	LateBy chance.Range
	// Attempts is the number of attempts until one is answered "success"; zero means 3.
	Attempts int
	// RetryAfter is the pause between attempts; zero means 5 s.
	RetryAfter time.Duration
	// Timeout of one attempt in real time; zero means 5 s.
	Timeout time.Duration
	// Client sends the callbacks; nil means a new one.
	Client *http.Client
}

type callback struct {
	name  string
	appid string // the platform's for its own events
	url   string
	to    string // element of the envelope that names the receiver
	id    string // its content
	msg   string
}

// Sender is the model's Outbox.
type Sender struct {
	Options
	platform string
	clock    clock.Clock
	settings func() *model.Settings
	books    *books.Keeper
	closing  context.Context // ends deliveries
	key      []byte
	slots    chan struct{}
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool
	counts map[string]uint64 // callbacks so far by name and appid
	nonces uint64
	held   []callback
}

// New is a sender for the platform with the given appid. Start it before the model sends events.
func New(closing context.Context, o Options, platform string, c clock.Clock) (*Sender, error) {
	key, err := aesKey(o.AESKey)
	if err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	return &Sender{
		Options: o, platform: platform, clock: c, closing: closing, key: key,
		slots: make(chan struct{}, parallel), counts: map[string]uint64{},
	}, nil
}

// Start gives the sender the settings of the world and the books that count callbacks.
func (s *Sender) Start(settings func() *model.Settings, k *books.Keeper) {
	s.settings, s.books = settings, k
}

// Wait ends the sender once closing is done.
func (s *Sender) Wait() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// Receives implements model.Outbox.
func (s *Sender) Receives(apps bool) bool {
	if apps {
		return s.AppURL != ""
	}
	return s.AuthURL != ""
}

// Send implements model.Outbox.
func (s *Sender) Send(e model.Event) {
	if !s.Receives(e.AppID != "") {
		return
	}
	cb := callback{name: e.Name, appid: s.platform, url: s.AuthURL, to: "AppId", id: s.platform, msg: message(e, s.platform)}
	if e.AppID != "" {
		cb.appid, cb.to, cb.id = e.AppID, "ToUserName", e.User
		cb.url = strings.ReplaceAll(s.AppURL, "$APPID$", e.AppID)
	}
	s.post(cb)
}

// post decides by chance what happens to a callback, and sends it accordingly.
func (s *Sender) post(cb callback) {
	set := s.settings()
	s.mu.Lock()
	key := cb.name + " " + cb.appid
	n := s.counts[key]
	s.counts[key]++
	s.mu.Unlock()
	draw := func(kind string) float64 { return chance.Draw(set.Seed, cb.appid, "push-"+kind+cb.name, n) }
	s.books.Count(&s.books.Book.Callbacks.Made)
	if draw("lost") < set.CallbackLost {
		s.books.Count(&s.books.Book.Callbacks.Lost)
		return
	}
	if draw("doubled") < set.CallbackDoubled {
		s.books.Count(&s.books.Book.Callbacks.Doubled)
		s.send(cb, 1)
	}
	switch {
	case draw("order") < set.CallbackOutOfOrder:
		s.books.Count(&s.books.Book.Callbacks.Held)
		s.mu.Lock()
		s.held = append(s.held, cb)
		s.mu.Unlock()
		s.clock.AfterFunc(max(s.LateBy.Min, s.LateBy.Max), s.sendHeld)
	case draw("late") < set.CallbackLate:
		s.books.Count(&s.books.Book.Callbacks.Late)
		s.clock.AfterFunc(s.LateBy.At(draw("late-by")), func() { s.send(cb, 1) })
	default:
		s.send(cb, 1)
	}
}

func (s *Sender) sendHeld() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, cb := range held {
		s.send(cb, 1)
	}
}

// send delivers a callback in the background, and retries it until it is accepted or its attempts are used up.
func (s *Sender) send(cb callback, attempt int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.wg.Go(func() {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		case <-s.closing.Done():
			return
		}
		if s.deliver(cb) == nil {
			s.books.Count(&s.books.Book.Callbacks.Accepted)
		} else if s.books.Count(&s.books.Book.Callbacks.Refused); attempt < s.Attempts {
			s.clock.AfterFunc(s.RetryAfter, func() { s.send(cb, attempt+1) })
		}
		s.sendHeld()
	})
}

// deliver makes one attempt; only the plain word success accepts it.
func (s *Sender) deliver(cb callback) error {
	target, body, err := s.envelope(cb)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.closing, s.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/xml")
	res, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err == nil && (res.StatusCode != http.StatusOK || string(answer) != "success") {
		err = fmt.Errorf("callback: answered %d %q", res.StatusCode, answer)
	}
	return err
}

// envelope encrypts and signs a callback for one attempt.
func (s *Sender) envelope(cb callback) (target string, body []byte, err error) {
	u, err := url.Parse(cb.url)
	if err != nil {
		return "", nil, fmt.Errorf("callback to %q: %w", cb.url, err)
	}
	s.mu.Lock()
	s.nonces++
	n := s.nonces
	s.mu.Unlock()
	hash := func(kind string) uint64 { return chance.Hash(s.settings().Seed, cb.appid, "push-"+kind, n) }
	random := binary.BigEndian.AppendUint64(nil, hash("random-a"))
	random = binary.BigEndian.AppendUint64(random, hash("random-b"))
	nonce := strconv.FormatUint(hash("nonce")%1e10, 10)
	stamp := strconv.FormatInt(s.clock.Now().Unix(), 10)
	encrypted := seal(s.key, random, cb.msg, s.platform)

	q := u.Query()
	q.Set("signature", sign(s.Token, stamp, nonce, ""))
	q.Set("timestamp", stamp)
	q.Set("nonce", nonce)
	q.Set("encrypt_type", "aes")
	q.Set("msg_signature", sign(s.Token, stamp, nonce, encrypted))
	u.RawQuery = q.Encode()
	return u.String(), []byte(element("xml", []model.Field{{Name: cb.to, Value: cb.id}, {Name: "Encrypt", Value: encrypted}})), nil
}
