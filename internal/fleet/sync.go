package fleet

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

// SyncOptions say how to bring the registry up to WeChat's list.
type SyncOptions struct {
	// Full reads every app again, not only those that are new or changed.
	Full bool
	// Versions also reads each app's live version: two more calls with the app's own token.
	Versions bool
	// Rate bounds the calls per second; 0 means no bound of ours.
	Rate int
	// Unread reads only apps that wait to be read, without WeChat's list.
	Unread bool
	// Progress receives each step; nil is fine. Calls don't overlap.
	Progress func(what string, done, total int)
}

// Synced is what a sync did.
type Synced struct {
	// Resumed reports that it continued an interrupted one.
	Resumed bool `json:"resumed"`
	// Listed is how many different apps WeChat's list had, Of the total that it reported; Joined
	// of them were new or came back, Left are gone.
	Listed int `json:"listed"`
	Of     int `json:"of"`
	Joined int `json:"joined"`
	Left   int `json:"left"`
	// Read is how many apps were read; Failed could not be read and are tried later.
	Read   int `json:"read"`
	Failed int `json:"failed"`
	// Errors are the first few reasons.
	Errors []string `json:"errors,omitempty"`
}

// SyncRunningError reports that another process syncs.
type SyncRunningError struct {
	By     string
	Cursor apps.Cursor
}

func (e *SyncRunningError) Error() string {
	return fmt.Sprintf("%s already syncs the apps, since %s: try again later (enqueue apps sync --status)", e.By, e.Cursor.Began.Time().Format(time.RFC3339))
}

// SyncInterruptedError reports that a sync stopped early. What it stored stays.
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
	return fmt.Sprintf("sync of apps, %s: %s; nothing is lost: run it again to continue from here (a worker continues it, too)", words[e.Phase], cause)
}

func (e *SyncInterruptedError) Unwrap() error { return e.Err }

// ListShortError reports that WeChat's list could not be read completely. The sync finished with
// the apps that were listed, and no app counts as gone because the list lacked it.
type ListShortError struct {
	// Lack has the counts and the cause, like "WeChat listed 500 of 1,200 apps: ...".
	Lack string
}

func (e *ListShortError) Error() string {
	return "sync of apps: " + e.Lack + "; the registry may lack apps: run it again later (workers do)"
}

const (
	// syncLease is how long a sync that died blocks others.
	syncLease = 30 * time.Second
	// readersAtOnce bounds the apps that are read at once.
	readersAtOnce = 8
	// failedMost is how many apps in a row may fail before the sync gives up.
	failedMost = 50
	// errorsShown bounds the reasons that a sync reports.
	errorsShown = 5
	// readAgain is the wait before an app that could not be read is tried again, readSoon that of
	// one that changed while it was read.
	readAgain = 5 * time.Minute
	readSoon  = 5 * time.Second
)

// Sync reads WeChat's list of authorized apps into the registry, marks those that are gone, and
// reads each that is new or changed. It continues where the last one stopped; one runs at a time.
// The error is a *SyncRunningError, a *SyncInterruptedError, or a *ListShortError for a sync that
// finished without a complete list.
func (f *Fleet) Sync(ctx context.Context, opt SyncOptions) (Synced, error) {
	wx, err := f.online("sync the apps")
	if err != nil {
		return Synced{}, err
	}
	if opt.Progress == nil {
		opt.Progress = func(string, int, int) {}
	}
	holder := f.d.By + " " + rand.Text()
	lease := ratelimit.NewLease(f.d.Redis, "apps sync", holder, syncLease)
	_, won, err := lease.Acquire(ctx)
	if err != nil {
		return Synced{}, fmt.Errorf("begin the sync of apps: %w", err)
	}
	cursor, err := f.apps.Cursor(ctx)
	if err != nil {
		return Synced{}, err
	}
	if !won {
		return Synced{}, &SyncRunningError{By: cursor.By, Cursor: cursor}
	}
	s := &syncer{f: f, wx: wx, opt: opt, cursor: cursor}
	if opt.Rate > 0 {
		s.gate = ratelimit.NewPacer(ratelimit.NewThrottle(f.d.Redis, "apps sync", ratelimit.Rate{Permits: opt.Rate, Per: time.Second}), nil)
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

// ignore returns err, unless other is its cause.
func ignore(err, other error) error {
	if other != nil && errors.Is(err, other) {
		return nil
	}
	return err
}

var errLeaseLost = errors.New("another process took the sync over")

// keepLease renews the lease until ctx ends, and stops the sync when the lease is lost.
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
	f      *Fleet
	wx     WeChat
	opt    SyncOptions
	gate   *ratelimit.Pacer
	cursor apps.Cursor

	mu    sync.Mutex
	done  Synced
	inRow int // consecutive failures
	read  int // apps read or postponed in this phase
	total int
}

// wait waits until the rate permits a call.
func (s *syncer) wait(ctx context.Context) error {
	if s.gate == nil {
		return ctx.Err()
	}
	return s.gate.Wait(ctx)
}

// run runs the remaining phases.
func (s *syncer) run(ctx context.Context) error {
	if s.opt.Unread {
		s.cursor.Phase = apps.PhaseRead
		return s.readAll(ctx)
	}
	if s.cursor.Phase == apps.PhaseIdle || s.opt.Full && !s.cursor.Full {
		s.cursor = apps.Cursor{
			Phase: apps.PhaseList, Number: s.cursor.Number + 1, Began: apps.At(s.f.d.Now()), By: s.f.d.By, Full: s.opt.Full,
			Listed: s.cursor.Listed, Done: s.cursor.Done, Short: s.cursor.Short,
		}
		if err := s.f.apps.SetCursor(ctx, s.cursor); err != nil {
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
			next.Done = apps.At(s.f.d.Now())
		}
		if err := s.f.apps.SetCursor(ctx, next); err != nil {
			return err
		}
		s.cursor = next
	}
	if s.cursor.Short != "" {
		return &ListShortError{Lack: s.cursor.Short}
	}
	return nil
}

// list reads WeChat's list from the cursor on, in passes until one saw all of it. A list that no
// pass saw completely is recorded in the cursor: the sync continues with what is listed, and ends
// with that error.
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
		s.cursor.Number++ // an app that only an earlier pass saw is read
		if err := s.f.apps.SetCursor(ctx, s.cursor); err != nil {
			return err
		}
	}
}

// pass reads the remaining pages of one pass over the list.
func (s *syncer) pass(ctx context.Context) error {
	for s.cursor.More() {
		if err := s.wait(ctx); err != nil {
			return err
		}
		asked := apps.At(s.f.d.Now())
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
		if err := s.f.apps.SetCursor(ctx, s.cursor); err != nil {
			return err
		}
		s.opt.Progress("apps listed", min(s.cursor.Offset, s.cursor.Total), s.cursor.Total)
	}
	return nil
}

// store puts a page of the list into the registry. fresh counts the apps that are new to the pass.
func (s *syncer) store(ctx context.Context, asked apps.Seconds, page []wxclient.Authorizer) (fresh int, err error) {
	if s.f.d.Tokens != nil {
		if err := s.f.d.Tokens.Learn(ctx, page); err != nil {
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
	unseen := make(map[string]bool, len(page)) // a change may be retried
	changes, err := s.f.apps.Change(ctx, ids, func(a *apps.App) bool {
		unseen[a.AppID] = unseen[a.AppID] || a.Sync != s.cursor.Number
		// A page that is stored again after an interruption marks no app as unread again.
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
	return fresh, s.changed(ctx, changes)
}

// changed counts changes and wakes the targets of changed apps.
func (s *syncer) changed(ctx context.Context, changes []apps.Change) error {
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
	return s.f.wakeFor(ctx, changes)
}

// missing reads apps that were not in the list: the list is read by offsets, so that an app that
// leaves meanwhile shifts another one past them.
func (s *syncer) missing(ctx context.Context) error {
	var ids []string
	for a, err := range s.f.apps.All(ctx) {
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
