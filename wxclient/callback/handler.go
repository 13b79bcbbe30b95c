package callback

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxBody is the largest callback read, in bytes.
	MaxBody = 64 << 10
	// Window is the largest difference between a callback's timestamp and our clock, either way.
	Window = 10 * time.Minute
	// answerWithin bounds the work before the answer; WeChat gives up after 5 seconds.
	answerWithin = 4 * time.Second
	// refuseAfter is when a refusal that depends on the decrypted text is answered, from the start of the
	// request: longer than the work takes, so that its time says nothing about the text.
	refuseAfter = 100 * time.Millisecond
)

// The reasons for refusing a callback, as Options.Refused receives them: a closed set. The answer
// does not show which check failed after the signature: all answer 403 and one text. Otherwise the
// holder of the token could read a captured message, byte by byte, from the answers to changed copies.
const (
	// ReasonTooLarge: the body exceeds MaxBody (413).
	ReasonTooLarge = "too-large"
	// ReasonBadQuery: signature, timestamp, nonce or appid missing, malformed or given twice (400).
	ReasonBadQuery = "bad-query"
	// ReasonBadEnvelope: the outer XML cannot be read (400).
	ReasonBadEnvelope = "bad-envelope"
	// ReasonSignature: forged, or the token differs from the one set at WeChat (403).
	ReasonSignature = "signature"
	// ReasonStale: outside the time window; check the clock (403).
	ReasonStale = "stale"
	// ReasonReplay: handled before; answered with success, so that WeChat stops repeating.
	ReasonReplay = "replay"
	// ReasonDecrypt: the EncodingAESKey differs from the one set at WeChat (403).
	ReasonDecrypt = "decrypt"
	// ReasonForeign: for another component, or another app than the URL names (403).
	ReasonForeign = "foreign"
	// ReasonBadMessage: the inner XML cannot be read or lacks a field (403).
	ReasonBadMessage = "bad-message"
	// ReasonReplayStore: the replay store failed (500, WeChat repeats).
	ReasonReplayStore = "replay-store"
	// ReasonSink: the sink failed (500, WeChat repeats).
	ReasonSink = "sink"
)

// Reasons lists every reason, for callers that prepare a label per reason.
func Reasons() []string {
	return []string{
		ReasonTooLarge, ReasonBadQuery, ReasonBadEnvelope, ReasonSignature, ReasonStale, ReasonReplay,
		ReasonDecrypt, ReasonForeign, ReasonBadMessage, ReasonReplayStore, ReasonSink,
	}
}

// Replay remembers callbacks. Seen atomically records key for ttl and reports whether it was recorded
// before. An optional method Forget(ctx, key) error is called after the sink failed, so that WeChat's
// repetition of the callback is not refused.
type Replay interface {
	Seen(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

type forgetter interface {
	Forget(ctx context.Context, key string) error
}

// Options configure a handler.
type Options struct {
	// ComponentAppID is the appid of the third-party platform.
	ComponentAppID string
	// Token and AESKey are the ones set on the platform's console.
	Token, AESKey string
	// PreviousAESKey, if set, still decrypts while a changed key settles.
	PreviousAESKey string
	// Sink receives the events.
	Sink Sink
	// Replay remembers callbacks; nil passes replays to the sink.
	Replay Replay
	// Now is the clock of the time window; nil means time.Now.
	Now func() time.Time
	// Refused, if set, is called for every refused callback with its URL path and one of Reasons.
	Refused func(path, reason string)
}

type handler struct {
	codec     *Codec
	component string
	sink      Sink
	replay    Replay
	now       func() time.Time
	refused   func(path, reason string)
}

// Fix returns what an operator should do about callbacks that are refused for a reason, in words of the
// platform's console; "" if nothing.
func Fix(reason string) string {
	const urls = "authorization events go to .../wechat/auth, messages and events to .../wechat/app/$APPID$"
	switch reason {
	case ReasonBadQuery:
		return "correct the URLs on the platform's console: " + urls
	case ReasonBadEnvelope, ReasonTooLarge:
		return "choose the encrypted mode on the platform's console; does something else send requests to this URL?"
	case ReasonSignature:
		return "is the callback token the one on the platform's console?"
	case ReasonStale:
		return "set this machine's clock by NTP"
	case ReasonDecrypt:
		return "is the EncodingAESKey the one on the platform's console?"
	case ReasonForeign, ReasonBadMessage:
		return "are the two URLs on the platform's console swapped, or of another platform? " + urls
	case ReasonReplayStore, ReasonSink:
		return "read the worker's log: it could not store the event, and WeChat repeats it"
	default:
		return ""
	}
}

// NewHandler returns a handler of POST /auth (authorization events) and POST /app/{appid} (messages
// and events). Mount it with http.StripPrefix, and give WeChat .../app/$APPID$ as message URL.
func NewHandler(o Options) (http.Handler, error) {
	codec, err := NewCodec(o.ComponentAppID, o.Token, o.AESKey, o.PreviousAESKey)
	if err != nil {
		return nil, err
	}
	if o.Sink == nil {
		return nil, errors.New("callback options: Sink must be set")
	}
	h := &handler{codec: codec, component: o.ComponentAppID, sink: o.Sink, replay: o.Replay, now: o.Now, refused: o.Refused}
	if h.replay == nil {
		h.replay = forgetful{}
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.refused == nil {
		h.refused = func(string, string) {}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth", func(w http.ResponseWriter, r *http.Request) {
		h.serve(w, r, func(f fields) (Event, error) { return authEvent(f, h.component) })
	})
	mux.HandleFunc("POST /app/{appid}", func(w http.ResponseWriter, r *http.Request) {
		appid := r.PathValue("appid")
		if !appidPattern.MatchString(appid) {
			h.refuse(w, r, refuse(http.StatusBadRequest, ReasonBadQuery))
			return
		}
		h.serve(w, r, func(f fields) (Event, error) { return appEvent(f, appid) })
	})
	return mux, nil
}

// appidPattern keeps anything but an appid out of the URL, which no signature covers.
var appidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// refusal is the reason for refusing a callback, and the answer: its HTTP status and text.
type refusal struct {
	status int
	reason string
	// hidden reports that the signature is right, so that neither text nor time may show the reason.
	hidden bool
}

func refuse(status int, reason string) *refusal { return &refusal{status: status, reason: reason} }

func hidden(reason string) *refusal {
	return &refusal{status: http.StatusForbidden, reason: reason, hidden: true}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, read func(fields) (Event, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	answer := time.NewTimer(refuseAfter)
	defer answer.Stop()
	no := h.receive(ctx, w, r, read)
	if no == nil {
		succeed(w)
		return
	}
	if no.hidden {
		select {
		case <-answer.C:
		case <-ctx.Done(): // the sender is gone
		}
	}
	h.refuse(w, r, no)
}

func (h *handler) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	path, _, _ := strings.Cut(r.RequestURI, "?") // as WeChat sent it, before any prefix was stripped
	h.refused(path, no.reason)
	if no.status == http.StatusOK {
		succeed(w)
		return
	}
	text := no.reason
	if no.hidden {
		text = "refused"
	}
	http.Error(w, text, no.status)
}

// succeed writes the only answer WeChat counts as a delivery.
func succeed(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "success") // a lost answer makes WeChat repeat
}

// receive verifies, decrypts and parses one callback, and passes it to the sink.
func (h *handler) receive(ctx context.Context, w http.ResponseWriter, r *http.Request, read func(fields) (Event, error)) *refusal {
	signature, encrypted, no := h.verified(w, r)
	if no != nil {
		return no
	}
	msg, err := h.codec.Decrypt(encrypted)
	if errors.Is(err, ErrForeign) {
		return hidden(ReasonForeign)
	}
	if err != nil {
		return hidden(ReasonDecrypt)
	}
	f, err := parseXML(msg)
	if err != nil {
		return hidden(ReasonBadMessage)
	}
	event, err := read(f)
	switch {
	case errors.Is(err, errNotAnEvent):
		return nil
	case errors.Is(err, ErrForeign):
		return hidden(ReasonForeign)
	case err != nil:
		return hidden(ReasonBadMessage)
	}
	return h.handOn(ctx, signature, event)
}

// verified reads the envelope and checks signature and timestamp.
func (h *handler) verified(w http.ResponseWriter, r *http.Request) (signature, encrypted string, no *refusal) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	signature, timestamp, nonce := query.Get("msg_signature"), query.Get("timestamp"), query.Get("nonce")
	seconds, malformed := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || malformed != nil || signature == "" || nonce == "" || anyTwice(query) {
		return "", "", refuse(http.StatusBadRequest, ReasonBadQuery)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return "", "", refuse(http.StatusRequestEntityTooLarge, ReasonTooLarge)
	}
	if err != nil {
		return "", "", refuse(http.StatusBadRequest, ReasonBadEnvelope)
	}
	f, err := parseXML(body)
	if err != nil || f["Encrypt"] == "" {
		return "", "", refuse(http.StatusBadRequest, ReasonBadEnvelope)
	}
	if !h.codec.Verify(signature, timestamp, nonce, f["Encrypt"]) {
		return "", "", refuse(http.StatusForbidden, ReasonSignature)
	}
	now := h.now().Unix()
	if width := int64(Window / time.Second); seconds < now-width || seconds > now+width {
		return "", "", hidden(ReasonStale)
	}
	return signature, f["Encrypt"], nil
}

// anyTwice reports whether a parameter is given twice: a proxy may read the other one.
func anyTwice(query url.Values) bool {
	for _, values := range query {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

// handOn passes an event to the sink unless it is a replay. The signature covers time, nonce and
// text, so it is the key; a callback ahead of our clock stays valid for twice the window.
func (h *handler) handOn(ctx context.Context, signature string, event Event) *refusal {
	seen, err := h.replay.Seen(ctx, signature, 2*Window)
	if err != nil {
		return refuse(http.StatusInternalServerError, ReasonReplayStore)
	}
	if seen {
		return refuse(http.StatusOK, ReasonReplay)
	}
	if err := h.sink.Handle(ctx, event); err != nil {
		if f, ok := h.replay.(forgetter); ok {
			// If this fails too, WeChat's repetition counts as a replay, and polling finds the event.
			_ = f.Forget(context.WithoutCancel(ctx), signature)
		}
		return refuse(http.StatusInternalServerError, ReasonSink)
	}
	return nil
}

// forgetful is the Replay of a handler that was given none.
type forgetful struct{}

func (forgetful) Seen(context.Context, string, time.Duration) (bool, error) { return false, nil }
