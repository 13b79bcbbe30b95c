package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TokenKeeper keeps refresh tokens that WeChat's list shows, sealed.
type TokenKeeper interface {
	Learn(ctx context.Context, page []wxclient.Authorizer) error
}

// SyncOptions say how to bring the registry up to WeChat's list.
type SyncOptions struct {
	// Full reads every app anew, not only those that are new or changed.
	Full bool
	// Versions looks at each app's live version too: two calls more with the app's own
	// token.
	Versions bool
	// Rate is how many calls a second it makes at most; 0 is no limit of ours.
	Rate int
	// Unread reads only apps that wait to be read, without WeChat's list.
	Unread bool
	// Progress hears of work; nil is fine. Calls don't overlap.
	Progress func(what string, done, total int)
}

// Synced is what a sync did.
type Synced struct {
	// Resumed says that it went on with one that was interrupted.
	Resumed bool `json:"resumed"`
	// Listed different apps were in WeChat's list, Of is how many it said there are; Joined of them
	// were not known or came back, Left are gone.
	Listed int `json:"listed"`
	Of     int `json:"of"`
	Joined int `json:"joined"`
	Left   int `json:"left"`
	// Read apps were asked about; Failed of them could not be and are tried later.
	Read   int `json:"read"`
	Failed int `json:"failed"`
	// Errors are the first few reasons.
	Errors []string `json:"errors,omitempty"`
}

// SyncRunningError says that somebody else syncs.
type SyncRunningError struct {
	By     string
	Cursor apps.Cursor
}

func (e *SyncRunningError) Error() string {
	return fmt.Sprintf("%s syncs the apps already, since %s: look again later (enqueue apps sync --status)", e.By, e.Cursor.Began.Time().Format(time.RFC3339))
}

// SyncInterruptedError says that a sync stopped before its end. What it stored stays.
type SyncInterruptedError struct {
	Phase apps.Phase
	Err   error
}

func (e *SyncInterruptedError) Error() string {
	cause := e.Err.Error()
	if errors.Is(e.Err, context.Canceled) {
		cause = "interrupted"
	}
	words := map[apps.Phase]string{
		apps.PhaseList: "reading WeChat's list", apps.PhaseMissing: "asking about apps that the list lacks", apps.PhaseRead: "reading what apps are",
	}
	return fmt.Sprintf("sync of apps, %s: %s; nothing is lost: run it again to go on from here (a worker goes on with it, too)", words[e.Phase], cause)
}

func (e *SyncInterruptedError) Unwrap() error { return e.Err }

// ListShortError says that WeChat's list could not be read completely. The sync came to its end with
// the apps that were listed, and no app was taken for gone because the list lacked it.
type ListShortError struct {
	// Lack has the counts and the cause, like "WeChat listed 500 of 1,200 apps: ...".
	Lack string
}

func (e *ListShortError) Error() string {
	return "sync of apps: " + e.Lack + "; the registry may lack apps: run it again later (workers do)"
}

const (
	// syncLease is how long a sync that died keeps others out.
	syncLease = 30 * time.Second
	// readersAtOnce is how many apps are asked about at a time.
	readersAtOnce = 8
	// failedMost is how many apps in a row may fail before the sync gives up.
	failedMost = 50
	// errorsShown is how many reasons a sync tells.
	errorsShown = 5
	// readAgain is when an app that could not be read is tried again, readSoon when one
	// that changed while it was read.
	readAgain = 5 * time.Minute
	readSoon  = 5 * time.Second
)

// SyncApps reads WeChat's list of authorized apps into the registry, marks those that
// are gone, and asks about each that is new or changed. It goes on where one before
// stopped; one at a time runs. The error is a *SyncRunningError, a *SyncInterruptedError,
// or a *ListShortError for a sync that came to its end without a complete list.
func (o *Operator) SyncApps(ctx context.Context, opt SyncOptions) (Synced, error) {
	wx, err := o.online("sync the apps")
	if err != nil {
		return Synced{}, err
	}
	if opt.Progress == nil {
		opt.Progress = func(string, int, int) {}
	}
	holder := o.by + " " + rand.Text()
	lease := ratelimit.NewLease(o.rdb, "apps sync", holder, syncLease)
	_, won, err := lease.Acquire(ctx)
	if err != nil {
		return Synced{}, fmt.Errorf("begin the sync of apps: %w", err)
	}
	cursor, err := o.apps.Cursor(ctx)
	if err != nil {
		return Synced{}, err
	}
	if !won {
		return Synced{}, &SyncRunningError{By: cursor.By, Cursor: cursor}
	}
	s := &syncer{o: o, wx: wx, opt: opt, cursor: cursor}
	if opt.Rate > 0 {
		s.gate = ratelimit.NewPacer(ratelimit.NewThrottle(o.rdb, "apps sync", ratelimit.Rate{Permits: opt.Rate, Per: time.Second}), nil)
	}
	running, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { keepLease(running, lease, stop) })
	err = s.run(running)
	if cause := context.Cause(running); cause != nil && err != nil {
		err = errors.Join(err, ignore(cause, ctx.Err()))
	}
	stop(nil)
	wg.Wait()
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = lease.Release(releasing) // it runs out
	if err != nil && !errors.As(err, new(*ListShortError)) {
		return s.done, &SyncInterruptedError{Phase: s.cursor.Phase, Err: err}
	}
	return s.done, err
}

// ignore is err, unless it only says what other says.
func ignore(err, other error) error {
	if other != nil && errors.Is(err, other) {
		return nil
	}
	return err
}

var errLeaseLost = errors.New("another process took the sync over")

// keepLease renews the lease until ctx ends; when it is lost, it stops the sync.
func keepLease(ctx context.Context, lease *ratelimit.Lease, stop context.CancelCauseFunc) {
	tick := time.NewTicker(syncLease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ok, err := lease.Renew(ctx); err == nil && !ok {
				stop(errLeaseLost)
				return
			}
		}
	}
}

// syncer is one sync.
type syncer struct {
	o      *Operator
	wx     WeChat
	opt    SyncOptions
	gate   *ratelimit.Pacer
	cursor apps.Cursor

	mu    sync.Mutex
	done  Synced
	inRow int // failures one after the other
	read  int // apps read or put off in this phase
	total int
}

// wait keeps to the rate.
func (s *syncer) wait(ctx context.Context) error {
	if s.gate == nil {
		return ctx.Err()
	}
	return s.gate.Wait(ctx)
}

// run does the phases that are left.
func (s *syncer) run(ctx context.Context) error {
	if s.opt.Unread {
		s.cursor.Phase = apps.PhaseRead
		return s.readAll(ctx)
	}
	if s.cursor.Phase == apps.PhaseIdle || s.opt.Full && !s.cursor.Full {
		s.cursor = apps.Cursor{
			Phase: apps.PhaseList, Number: s.cursor.Number + 1, Began: apps.At(s.o.now()), By: s.o.by, Full: s.opt.Full,
			Listed: s.cursor.Listed, Done: s.cursor.Done, Short: s.cursor.Short,
		}
		if err := s.o.apps.SetCursor(ctx, s.cursor); err != nil {
			return err
		}
	} else {
		s.done.Resumed = true
	}
	for _, phase := range []struct {
		name apps.Phase
		run  func(context.Context) error
		next apps.Phase
	}{
		{apps.PhaseList, s.list, apps.PhaseMissing}, {apps.PhaseMissing, s.missing, apps.PhaseRead}, {apps.PhaseRead, s.readAll, apps.PhaseIdle},
	} {
		if s.cursor.Phase != phase.name {
			continue
		}
		if err := phase.run(ctx); err != nil {
			return err
		}
		next := s.cursor
		if next.Phase = phase.next; next.Phase == apps.PhaseIdle {
			next.Done = apps.At(s.o.now())
		}
		if err := s.o.apps.SetCursor(ctx, next); err != nil {
			return err
		}
		s.cursor = next
	}
	if s.cursor.Short != "" {
		return &ListShortError{Lack: s.cursor.Short}
	}
	return nil
}

// list reads WeChat's list from the cursor on, in passes until one saw all of it. A list that no pass
// saw completely is noted: the sync goes on with what is listed, and ends with that error.
func (s *syncer) list(ctx context.Context) error {
	for {
		if err := s.pass(ctx); err != nil {
			return err
		}
		s.cursor.Short = s.cursor.Lack()
		switch {
		case s.cursor.Short == "":
			s.cursor.Listed = s.cursor.Began
			return nil
		case s.cursor.Last():
			return nil
		}
		s.cursor.Listing = s.cursor.Again()
		s.cursor.Number++ // an app that only an earlier pass saw is asked about
		if err := s.o.apps.SetCursor(ctx, s.cursor); err != nil {
			return err
		}
	}
}

// pass reads the pages that one pass over the list has left.
func (s *syncer) pass(ctx context.Context) error {
	for s.cursor.More() {
		if err := s.wait(ctx); err != nil {
			return err
		}
		asked := apps.At(s.o.now())
		page, err := s.wx.AuthorizerList(ctx, s.cursor.Offset, wxclient.MaxAuthorizerPage)
		if err != nil {
			return fmt.Errorf("list authorized apps from %d on: %w", s.cursor.Offset, err)
		}
		fresh, err := s.store(ctx, asked, page.List)
		if err != nil {
			return err
		}
		s.cursor.Listing = s.cursor.Took(int(page.Total), len(page.List), fresh)
		s.done.Listed, s.done.Of = s.cursor.Seen, s.cursor.Total
		if err := s.o.apps.SetCursor(ctx, s.cursor); err != nil {
			return err
		}
		s.opt.Progress("apps listed", min(s.cursor.Offset, s.cursor.Total), s.cursor.Total)
	}
	return nil
}

// store puts a page of the list into the registry. fresh counts apps that the pass had not seen.
func (s *syncer) store(ctx context.Context, asked apps.Seconds, page []wxclient.Authorizer) (fresh int, err error) {
	if s.o.tokens != nil {
		if err := s.o.tokens.Learn(ctx, page); err != nil {
			return 0, err
		}
	}
	ids, authTime := make([]string, 0, len(page)), make(map[string]apps.Seconds, len(page))
	for _, a := range page {
		if _, twice := authTime[a.AppID]; !twice {
			ids = append(ids, a.AppID)
		}
		authTime[a.AppID] = apps.Seconds(a.AuthTime)
	}
	unseen := make(map[string]bool, len(page)) // a change may be tried again
	changes, err := s.o.apps.Change(ctx, ids, func(a *apps.App) bool {
		unseen[a.AppID] = unseen[a.AppID] || a.Sync != s.cursor.Number
		// A page that is stored again, after an interruption, was to be read once.
		return a.See(max(asked, s.cursor.Began), authTime[a.AppID], s.cursor.Number, s.cursor.Full && a.Sync != s.cursor.Number)
	})
	if err != nil {
		return 0, err
	}
	for _, is := range unseen {
		if is {
			fresh++
		}
	}
	return fresh, s.news(ctx, changes)
}

// news counts what changed and wakes targets that it concerns.
func (s *syncer) news(ctx context.Context, changes []apps.Change) error {
	for _, c := range changes {
		s.mu.Lock()
		switch {
		case c.Joined():
			s.done.Joined++
		case c.Left():
			s.done.Left++
		}
		s.mu.Unlock()
	}
	return s.o.wakeFor(ctx, changes)
}

// missing asks about apps that were not in the list: it is read by offsets, and an app
// that leaves meanwhile moves another one past them.
func (s *syncer) missing(ctx context.Context) error {
	var ids []string
	for a, err := range s.o.apps.All(ctx) {
		if err != nil {
			return err
		}
		if a.State == apps.StateAuthorized && a.Sync != s.cursor.Number && a.Changed < s.cursor.Began {
			ids = append(ids, a.AppID)
		}
	}
	s.total, s.read = len(ids), 0
	return s.each(ctx, "missing apps asked about", ids)
}
