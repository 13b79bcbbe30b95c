package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// readAll reads every app that waits to be read.
func (s *syncer) readAll(ctx context.Context) error {
	var err error
	if s.total, err = s.f.apps.CountUnread(ctx); err != nil {
		return err
	}
	s.read = 0
	for {
		ids, err := s.f.apps.Unread(ctx, s.f.d.Now(), apps.Batch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.each(ctx, "apps read", ids); err != nil {
			return err
		}
	}
}

// each reads apps, several at once.
func (s *syncer) each(ctx context.Context, what string, ids []string) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(readersAtOnce)
	for _, id := range ids {
		if running.Err() != nil {
			break
		}
		g.Go(func() error { return s.one(running, what, id) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// one reads an app and stores the answer. Its error ends the sync: the platform or the store is
// at fault.
func (s *syncer) one(ctx context.Context, what, appID string) error {
	asked := apps.At(s.f.d.Now())
	facts, err := s.facts(ctx, appID)
	now := apps.At(s.f.d.Now())
	var changes []apps.Change
	switch {
	case err == nil:
		changes, err = s.f.apps.Change(ctx, []string{appID}, func(a *apps.App) bool {
			if a.Changed > asked {
				return false // its grants changed meanwhile: it is read again
			}
			return a.Learn(now, facts)
		})
		if err == nil && len(changes) == 0 {
			// Not at once: the change has WeChat's time, and our clock may be minutes behind.
			err = s.f.apps.Later(ctx, appID, s.f.d.Now().Add(readSoon))
		}
	case authorizationGone(err):
		if changes, err = s.f.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Leave(now) }); err == nil {
			err = s.changed(ctx, changes)
		}
	default:
		return s.failed(ctx, what, appID, err)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inRow = 0
	s.done.Read++
	s.step(what)
	return nil
}

// step reports progress; the caller holds the lock.
func (s *syncer) step(what string) {
	s.read++
	s.opt.Progress(what, min(s.read, s.total), s.total)
}

// failed postpones an app that could not be read, unless every app would fail.
func (s *syncer) failed(ctx context.Context, what, appID string, err error) error {
	var api *wxclient.Error
	if ctx.Err() != nil || credential.AtFault(err) || errors.As(err, &api) && api.Class == wxclient.ClassThrottlePlatform {
		return err
	}
	if later := s.f.apps.Later(ctx, appID, s.f.d.Now().Add(readAgain)); later != nil {
		return later
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inRow++
	s.done.Failed++
	if len(s.done.Errors) < errorsShown {
		s.done.Errors = append(s.done.Errors, fmt.Sprintf("app %s: %v", appID, err))
	}
	s.step(what)
	if s.inRow > failedMost {
		return fmt.Errorf("%d apps in a row could not be read, the last one: %w", s.inRow, err)
	}
	return nil
}

// busyTries bounds the tries of a call that WeChat is busy for.
const busyTries = 3

// facts reads an app from WeChat.
func (s *syncer) facts(ctx context.Context, appID string) (apps.Facts, error) {
	var info wxclient.AuthorizerInfo
	err := s.retry(ctx, func() (err error) {
		info, err = s.wx.AuthorizerInfo(ctx, appID)
		return err
	})
	if err != nil {
		return apps.Facts{}, err
	}
	f := factsOf(info)
	if !s.opt.Versions || !f.MiniProgram || !info.Has(apps.CodeSet) {
		return f, nil
	}
	err = s.retry(ctx, func() error {
		return s.f.d.Readers.Borrow(ctx, appID, func(ctx context.Context) error {
			versions, err := s.wx.VersionInfo(ctx, appID)
			if err == nil && versions.Release != nil {
				f.Live = versions.Release.Version
			}
			return err
		})
	})
	if errors.As(err, new(*ledger.LentError)) {
		err = nil // a worker calls for it, and stores the live version
	}
	return f, err
}

// retry makes a call at the sync's rate, and again if WeChat is busy.
func (s *syncer) retry(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		if err := s.wait(ctx); err != nil {
			return err
		}
		err := call()
		var api *wxclient.Error
		if try == busyTries || !errors.As(err, &api) || api.Class != wxclient.ClassRetryBusy {
			return err
		}
	}
}

// factsOf converts WeChat's answer to the registry's facts.
func factsOf(info wxclient.AuthorizerInfo) apps.Facts {
	return apps.Facts{
		Name: info.NickName, Principal: info.PrincipalName, MiniProgram: info.MiniProgram,
		Status: info.AccountStatus, Service: info.ServiceType, Sets: info.PermissionSets, Categories: info.Categories,
	}
}

// goneCodes are WeChat's answers about an app whose authorization has ended.
var goneCodes = []int64{61003, 43007}

// authorizationGone reports whether an app's authorization has ended.
func authorizationGone(err error) bool {
	if app, ok := credential.AppOf(err); ok {
		return app != ""
	}
	var api *wxclient.Error
	return errors.As(err, &api) && slices.Contains(goneCodes, api.Code)
}
