package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// readAll asks about every app that waits to be read.
func (s *syncer) readAll(ctx context.Context) error {
	var err error
	if s.total, err = s.o.apps.CountUnread(ctx); err != nil {
		return err
	}
	s.read = 0
	for {
		ids, err := s.o.apps.Unread(ctx, s.o.now(), apps.Batch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.each(ctx, "apps read", ids); err != nil {
			return err
		}
	}
}

// each asks about apps, several at a time.
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

// one asks about an app and stores the answer. Its error ends the sync: the platform
// itself, or the store, is at fault.
func (s *syncer) one(ctx context.Context, what, appID string) error {
	asked := apps.At(s.o.now())
	facts, err := s.facts(ctx, appID)
	now := apps.At(s.o.now())
	var changes []apps.Change
	switch {
	case err == nil:
		changes, err = s.o.apps.Change(ctx, []string{appID}, func(a *apps.App) bool {
			if a.Changed > asked {
				return false // it granted something else meanwhile: it is read again
			}
			return a.Learn(now, facts)
		})
		if err == nil && len(changes) == 0 {
			// Not at once: the news has WeChat's time, and our clock may be minutes behind.
			err = s.o.apps.Later(ctx, appID, s.o.now().Add(readSoon))
		}
	case authorizationGone(err):
		if changes, err = s.o.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Leave(now) }); err == nil {
			err = s.news(ctx, changes)
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

// step tells how far the phase is; the caller holds the lock.
func (s *syncer) step(what string) {
	s.read++
	s.opt.Progress(what, min(s.read, s.total), s.total)
}

// failed puts an app off that could not be read, unless every app would fail.
func (s *syncer) failed(ctx context.Context, what, appID string, err error) error {
	var api *wxclient.Error
	if ctx.Err() != nil || IsCredential(err) || errors.As(err, &api) && api.Class == wxclient.ClassThrottlePlatform {
		return err
	}
	if later := s.o.apps.Later(ctx, appID, s.o.now().Add(readAgain)); later != nil {
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

// busyTries is how often a busy reply is asked again.
const busyTries = 3

// facts asks WeChat about an app.
func (s *syncer) facts(ctx context.Context, appID string) (apps.Facts, error) {
	var info wxclient.AuthorizerInfo
	err := s.patiently(ctx, func() (err error) {
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
	err = s.patiently(ctx, func() error {
		return s.o.borrow(ctx, appID, func(ctx context.Context) error {
			versions, err := s.wx.VersionInfo(ctx, appID)
			if err == nil && versions.Release != nil {
				f.Live = versions.Release.Version
			}
			return err
		})
	})
	if errors.As(err, new(*ledger.LentError)) {
		err = nil // a worker is calling for it, and stores the live version itself
	}
	return f, err
}

// patiently makes a call at the sync's rate, and again if WeChat is busy.
func (s *syncer) patiently(ctx context.Context, call func() error) error {
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

// factsOf is what a reading of WeChat's tells.
func factsOf(info wxclient.AuthorizerInfo) apps.Facts {
	return apps.Facts{
		Name: info.NickName, Principal: info.PrincipalName, MiniProgram: info.MiniProgram,
		Status: info.AccountStatus, Service: info.ServiceType, Sets: info.PermissionSets, Categories: info.Categories,
	}
}

// goneCodes are WeChat's answers about an app whose authorization has ended.
var goneCodes = []int64{61003, 43007}

// authorizationGone tells whether an app's authorization has ended.
func authorizationGone(err error) bool {
	var cred interface{ CredentialOf() (appid string) }
	if errors.As(err, &cred) {
		return cred.CredentialOf() != ""
	}
	var api *wxclient.Error
	return errors.As(err, &api) && slices.Contains(goneCodes, api.Code)
}
