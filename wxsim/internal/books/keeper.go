package books

import (
	"maps"
	"sync"
)

// offencesKept bounds each list of offences; totals keep counting beyond it.
const offencesKept = 100

// Keeper keeps the books while calls run.
type Keeper struct {
	mu sync.Mutex
	// Book is read and written by the methods only; callers name its counters to them.
	Book Books
}

// Open begins a page for each endpoint; further methods name an endpoint by its place in paths.
func (k *Keeper) Open(paths []string) {
	for _, path := range paths {
		k.Book.Endpoints = append(k.Book.Endpoints, Endpoint{Path: path})
	}
}

// Count adds one to a counter of the book.
func (k *Keeper) Count(n *int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	*n++
}

// Call counts an answer.
func (k *Keeper) Call(endpoint, code int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := &k.Book.Endpoints[endpoint]
	if e.Calls++; e.Codes == nil {
		e.Codes = map[int]int64{}
	}
	e.Codes[code]++
}

// Lost counts a reply that never reached the client.
func (k *Keeper) Lost(endpoint int) { k.Count(&k.Book.Endpoints[endpoint].Lost) }

// Fault counts a call that met a fault.
func (k *Keeper) Fault(endpoint int) { k.Count(&k.Book.Endpoints[endpoint].Faults) }

// Offend adds an offence to a list of the book.
func (k *Keeper) Offend(list *Offences, o Offence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list.Total++
	if len(list.List) < offencesKept {
		list.List = append(list.List, o)
	}
}

// Snapshot is the keeper's part of the books.
func (k *Keeper) Snapshot() Books {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.Book
	out.Endpoints = nil
	for _, e := range k.Book.Endpoints {
		if e.Calls > 0 || e.Faults > 0 {
			e.Codes = maps.Clone(e.Codes)
			out.Endpoints = append(out.Endpoints, e)
		}
	}
	return out
}
