package books

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// offencesKept bounds each list of offences; totals keep counting beyond it.
const offencesKept = 100

// Keeper counts what happens. Hot counters are atomic; offences are rare and share a lock.
type Keeper struct {
	// Strangers, Reverts, Submissions, Releases and SettingWrites are the counters of the same names in Books.
	Strangers, Reverts, Submissions, Releases, SettingWrites atomic.Int64

	pages []page

	mu        sync.Mutex
	offences  [numKinds]Offences
	callbacks Callbacks
}

// page counts the calls of one endpoint.
type page struct {
	path             string
	ok, lost, faults atomic.Int64
	mu               sync.Mutex
	other            map[int]int64
}

// Kind is a kind of offence.
type Kind int

// The kinds of offences, as Books lists them.
const (
	OverlappingCall Kind = iota
	OverlappingRead
	DoubleSubmission
	DoubleRelease
	UnpinnedRelease
	EarlyRelease
	UnapprovedRelease
	numKinds
)

// Open begins a page for each endpoint; further methods name an endpoint by its place in paths.
func (k *Keeper) Open(paths []string) {
	k.pages = make([]page, len(paths))
	for i, path := range paths {
		k.pages[i].path = path
	}
}

// Call counts an answer.
func (k *Keeper) Call(endpoint, code int) {
	p := &k.pages[endpoint]
	if code == 0 {
		p.ok.Add(1)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.other == nil {
		p.other = map[int]int64{}
	}
	p.other[code]++
}

// Lost counts a reply that never reached the client.
func (k *Keeper) Lost(endpoint int) { k.pages[endpoint].lost.Add(1) }

// Fault counts a call that met a fault.
func (k *Keeper) Fault(endpoint int) { k.pages[endpoint].faults.Add(1) }

// Offend records an offence.
func (k *Keeper) Offend(kind Kind, o Offence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := &k.offences[kind]
	list.Total++
	if len(list.List) < offencesKept {
		list.List = append(list.List, o)
	}
}

// Callback counts something about callbacks.
func (k *Keeper) Callback(count func(*Callbacks)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	count(&k.callbacks)
}

// codes is a copy of the counts of an endpoint.
func (p *page) codes() map[int]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := maps.Clone(p.other)
	if ok := p.ok.Load(); ok > 0 {
		if out == nil {
			out = map[int]int64{}
		}
		out[0] = ok
	}
	return out
}

// Snapshot is the keeper's part of the books.
func (k *Keeper) Snapshot() Books {
	out := Books{
		Strangers: k.Strangers.Load(), Submissions: k.Submissions.Load(), Releases: k.Releases.Load(), Reverts: k.Reverts.Load(),
		SettingWrites: k.SettingWrites.Load(),
	}
	for i := range k.pages {
		p := &k.pages[i]
		e := Endpoint{Path: p.path, Codes: p.codes(), Lost: p.lost.Load(), Faults: p.faults.Load()}
		for _, n := range e.Codes {
			e.Calls += n
		}
		if e.Calls > 0 || e.Faults > 0 {
			out.Endpoints = append(out.Endpoints, e)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for kind, to := range []*Offences{
		&out.OverlappingCalls, &out.OverlappingReads, &out.DoubleSubmissions, &out.DoubleReleases, &out.UnpinnedReleases,
		&out.EarlyReleases, &out.UnapprovedReleases,
	} {
		*to = Offences{k.offences[kind].Total, slices.Clone(k.offences[kind].List)}
	}
	out.Pushes = k.callbacks
	return out
}
