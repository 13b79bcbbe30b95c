package wxsim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Sim is one simulated Open Platform with one third-party platform on it. All methods are safe for concurrent use.
type Sim struct {
	clock Clock
	wall  func() time.Time // real time, for overlaps only
	born  time.Time
	opt   Options // as given to New with defaults filled in; never changed afterwards
	set   atomic.Pointer[settings]
	setMu sync.Mutex // serializes change

	endpoints []*endpoint
	byPath    map[string]*endpoint
	levers    []lever
	rids      atomic.Uint64

	apps      appStore
	tokens    tokenStore
	component component
	platform  platform
	registry  registry
	tested    testerCount
	prefixes  prefixOwners
	library   library
	quota     quotaPool
	faults    faultList
	records   recordStore
	books     bookkeeper
	push      *pusher

	closing context.Context // done once Close was called; ends hangs and pushes
	close   context.CancelFunc
}

// settings are what levers may change while calls run. A settings value is never modified once stored.
type settings struct {
	Seed            uint64
	Latency         Range
	PrivacyDelay    Range
	AuditDelay      Range
	RejectRate      float64
	DelayRate       float64
	BusyRate        float64
	BusyCredentials bool
	LostRate        float64
	Quirks          Quirks
	PushLost        float64
	PushLate        float64
	PushDoubled     float64
	PushOutOfOrder  float64
}

// New starts a simulator. Close it to stop its pushes and to end calls that hang.
func New(o Options) *Sim {
	fill(&o)
	s := &Sim{clock: o.Clock, wall: time.Now, born: o.Clock.Now(), opt: o}
	s.closing, s.close = context.WithCancel(context.Background())
	s.set.Store(&settings{
		Seed: o.Seed, Latency: o.Latency, PrivacyDelay: o.PrivacyDelay, AuditDelay: o.AuditDelay,
		RejectRate: o.RejectRate, DelayRate: o.DelayRate, BusyRate: o.BusyRate, BusyCredentials: o.BusyCredentials,
		LostRate: o.LostRate, Quirks: o.Quirks, PushLost: o.Push.Lost, PushLate: o.Push.Late,
		PushDoubled: o.Push.Doubled, PushOutOfOrder: o.Push.OutOfOrder,
	})
	s.endpoints, s.byPath = endpoints()
	for path, l := range o.Limits {
		if ep := s.byPath[path]; ep != nil {
			ep.limit.set(l)
		}
	}
	s.levers = leverTable()
	s.books.open(len(s.endpoints))
	s.quota.open(o.Quota, s.born)
	s.library.open(o.Templates, s.born)
	s.component.open(o.Ticket, s.born)
	s.apps.byID = map[string]*app{}
	s.AddApps(o.Apps)
	s.push = newPusher(s)
	s.push.start(o.Push.TicketEvery)
	return s
}

// Close stops pushes, waits for those being sent, and ends calls that hang or wait.
func (s *Sim) Close() {
	s.close()
	s.push.wait()
}

// fill puts the documented defaults in place of zero values.
func fill(o *Options) {
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.after == nil {
		o.after = func(d time.Duration) (<-chan time.Time, func() bool) {
			t := time.NewTimer(d)
			return t.C, t.Stop
		}
	}
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	def(&o.ComponentAppID, DefaultComponentAppID)
	def(&o.Secret, DefaultSecret)
	def(&o.Ticket, DefaultTicket)
	def(&o.Push.Token, DefaultToken)
	def(&o.Push.AESKey, DefaultAESKey)
	span := func(p *time.Duration, v time.Duration) {
		if *p <= 0 {
			*p = v
		}
	}
	span(&o.TokenTTL, 2*time.Hour)
	span(&o.Push.RetryAfter, 5*time.Second)
	span(&o.Push.Timeout, 5*time.Second)
	if o.Push.LateBy == (Range{}) {
		o.Push.LateBy = Range{time.Second, 3 * time.Second}
	}
	if o.Push.Attempts <= 0 {
		o.Push.Attempts = 3
	}
	if o.Templates == nil {
		o.Templates = DefaultTemplates()
	}
}

// change replaces the settings by an edited copy.
func (s *Sim) change(edit func(*settings)) {
	s.setMu.Lock()
	defer s.setMu.Unlock()
	next := *s.set.Load()
	edit(&next)
	s.set.Store(&next)
}

// pause waits d of real time, or less if the client goes away or the simulator closes; it reports whether all of d
// passed.
func (s *Sim) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	fired, stop := s.opt.after(d)
	defer stop()
	select {
	case <-fired:
		return true
	case <-ctx.Done():
		return false
	case <-s.closing.Done():
		return false
	}
}
