package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/rollout/selector"
	"github.com/wxrollout/wxrollout/wxclient"
)

// calls counts what WeChat was asked.
func (b *bench) calls(method string) int {
	n := 0
	for _, asked := range b.WeChat.Asked {
		if strings.HasPrefix(asked, method) {
			n++
		}
	}
	return n
}

func TestSync(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(1201)
	gone := b.WeChat.Apps[700]
	b.WeChat.Apps[700] = b.WeChat.Apps[3] // one moved while we paged
	var steps []string
	done := b.Sync(fleet.SyncOptions{Versions: true, Progress: func(what string, n, total int) {
		if n == total {
			steps = append(steps, fmt.Sprintf("%s %d", what, total))
			b.WeChat.Apps[700] = gone
		}
	}})
	if diff := cmp.Diff(fleet.Synced{Listed: 1201, Of: 1201, Joined: 1201, Read: 1201}, done); diff != "" {
		t.Errorf("first sync (-want +got):\n%s", diff)
	}
	if want := []string{"apps listed 1201", "apps listed 1201", "apps read 1201"}; !slices.Equal(steps, want) {
		t.Errorf("progress %q, want %q", steps, want)
	}
	if n := b.calls("AuthorizerInfo"); n != 1201 || b.calls("VersionInfo") != 1201 {
		t.Errorf("%d apps asked about, want 1201", n)
	}
	// Another one changes nothing, and asks about no app.
	b.Advance(time.Hour)
	if done := b.Sync(fleet.SyncOptions{}); done.Joined+done.Left+done.Read != 0 || b.calls("AuthorizerInfo") != 1201 {
		t.Errorf("second sync %+v, %d asked about", done, b.calls("AuthorizerInfo"))
	}
	// One left, one is only missing from the list, one is new, one can't be read.
	b.Advance(time.Hour)
	b.Authorize(1199)
	b.WeChat.Apps = slices.Delete(b.WeChat.Apps, 0, 2)
	b.WeChat.Apps = append(b.WeChat.Apps, appID(2000), appID(2001))
	b.WeChat.Errs["AuthorizerInfo "+appID(0)] = &wxclient.Error{Code: 61003, Class: wxclient.ClassFatalApp}
	b.WeChat.Errs["AuthorizerInfo "+appID(2001)] = &wxclient.Error{Code: -1, Class: wxclient.ClassRetryBusy}
	done = b.Sync(fleet.SyncOptions{})
	if done.Left != 1 || done.Joined != 2 || done.Failed != 1 || len(done.Errors) != 1 {
		t.Errorf("third sync %+v", done)
	}
	if status, err := b.Fleet.Status(b.Ctx); err != nil || status.Apps != 1203 || status.Unread != 1 || status.Phase != "" {
		t.Errorf("status %+v, %v", status, err)
	}
	list, err := b.Fleet.List(b.Ctx, fleet.AppFilter{Left: true, Selector: parseSelector(t, "wx.state=left")})
	if err != nil || len(list) != 1 || list[0].AppID != appID(0) {
		t.Errorf("left %+v, %v", list, err)
	}
	// It is read later, and the one that left comes back.
	delete(b.WeChat.Errs, "AuthorizerInfo "+appID(2001))
	delete(b.WeChat.Errs, "AuthorizerInfo "+appID(0))
	b.WeChat.Apps = append(b.WeChat.Apps, appID(0))
	b.Advance(time.Hour)
	if done := b.Sync(fleet.SyncOptions{}); done.Joined != 1 || done.Read < 2 {
		t.Errorf("fourth sync %+v", done)
	}
	b.Advance(time.Hour)
	if done := b.Sync(fleet.SyncOptions{Full: true}); done.Read < 1200 {
		t.Errorf("full sync %+v", done)
	}
}

func parseSelector(t *testing.T, text string) selector.Selector {
	t.Helper()
	s, err := selector.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSyncGoesOn: one that is interrupted in any phase goes on from there.
func TestSyncGoesOn(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(1600)
	for _, at := range []struct {
		what string
		n    int
	}{{"apps listed", 1000}, {"apps read", 300}} {
		ctx, cancel := context.WithCancel(b.Ctx)
		_, err := b.Fleet.Sync(ctx, fleet.SyncOptions{Progress: func(what string, n, _ int) {
			if what == at.what && n >= at.n {
				cancel()
			}
		}})
		cancel()
		var interrupted *fleet.SyncInterruptedError
		if !errors.As(err, &interrupted) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "run it again") {
			t.Fatalf("interrupted at %v: %v", at, err)
		}
	}
	pages, read := b.calls("AuthorizerList"), b.calls("AuthorizerInfo")
	done := b.Sync(fleet.SyncOptions{})
	if !done.Resumed || b.calls("AuthorizerList") != pages || pages > 5 {
		t.Errorf("resumed %v, %d pages read in all", done.Resumed, b.calls("AuthorizerList"))
	}
	if got := b.calls("AuthorizerInfo"); got < 1600 || got > 1600+2*8 || read < 300 {
		t.Errorf("%d apps asked about in all, want 1600 and the few that were under way", got)
	}
}

// TestSyncStops: what is the platform's fault stops it, and two at once don't run.
func TestSyncStops(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(200)
	b.WeChat.Errs["AuthorizerInfo"] = &wxclient.Error{Code: 45009, Class: wxclient.ClassThrottlePlatform}
	_, err := b.Fleet.Sync(b.Ctx, fleet.SyncOptions{})
	if !errors.As(err, new(*fleet.SyncInterruptedError)) || b.calls("AuthorizerInfo") > 8 {
		t.Errorf("throttled after %d calls: %v", b.calls("AuthorizerInfo"), err)
	}
	b.WeChat.Errs["AuthorizerInfo"] = errors.New("connection refused")
	if _, err = b.Fleet.Sync(b.Ctx, fleet.SyncOptions{}); err == nil || !strings.Contains(err.Error(), "apps in a row") {
		t.Errorf("unreachable: %v", err)
	}
	delete(b.WeChat.Errs, "AuthorizerInfo")
	b.Advance(time.Hour)
	_, err = b.Fleet.Sync(b.Ctx, fleet.SyncOptions{Progress: func(string, int, int) {
		if _, err := b.Fleet.Sync(b.Ctx, fleet.SyncOptions{}); !errors.As(err, new(*fleet.SyncRunningError)) {
			t.Errorf("a second one at once: %v", err)
		}
	}})
	if err != nil {
		t.Error(err)
	}
	d := b.FleetDeps()
	d.WeChat = nil
	if _, err := fleet.New(d).Sync(b.Ctx, fleet.SyncOptions{}); !errors.As(err, new(*credential.OfflineError)) {
		t.Errorf("offline: %v", err)
	}
}

// TestReconcileApps: the worker's side syncs once a day, and reads what pushes reported.
func TestReconcileApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(5)
	reconcile := func(want bool) fleet.Synced {
		t.Helper()
		done, synced, err := b.Fleet.Reconcile(b.Ctx, 0)
		if err != nil || synced != want {
			t.Errorf("synced %v %+v, want %v: %v", synced, done, want, err)
		}
		return done
	}
	if done := reconcile(true); done.Joined != 5 || done.Read != 5 {
		t.Errorf("first: %+v", done)
	}
	reconcile(false)
	if err := b.Fleet.Joined(b.Ctx, appID(7), b.Now()); err != nil {
		t.Fatal(err)
	}
	if done := reconcile(true); done.Listed != 0 || done.Read != 1 {
		t.Errorf("after a callback: %+v", done)
	}
	reconcile(false)
	b.Advance(25 * time.Hour)
	if done := reconcile(true); done.Listed != 5 {
		t.Errorf("a day later: %+v", done)
	}
}

// TestNewsFromTheFuture: WeChat's clock is ahead of ours. Its report of an app is newer
// than any reading of ours for minutes; the app is not asked about all that time.
func TestNewsFromTheFuture(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(1)
	b.Sync(fleet.SyncOptions{})
	if err := b.Fleet.Joined(b.Ctx, appID(0), b.Now().Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.WeChat.Asked = nil
	for range 12 { // a minute of the leader's looks
		if _, _, err := b.Fleet.Reconcile(b.Ctx, 0); err != nil {
			t.Fatal(err)
		}
		b.Advance(5 * time.Second)
	}
	if n := b.calls("AuthorizerInfo"); n < 2 || n > 13 {
		t.Errorf("asked %d times in a minute", n)
	}
	b.Advance(4 * time.Minute)
	if _, _, err := b.Fleet.Reconcile(b.Ctx, 0); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Fleet.Status(b.Ctx); err != nil || s.Unread != 0 {
		t.Errorf("still to be read once the time has come: %+v %v", s, err)
	}
}

// A list that cannot be read completely is reported with its counts, for any gap; what it has is
// taken, and no app counts as gone because the list lacks it.
func TestListIsRefusedWhenShort(t *testing.T) {
	t.Parallel()
	page := func(b *bench, total, from, to int) wxclient.AuthorizerPage {
		p := wxclient.AuthorizerPage{Total: int64(total)}
		for _, id := range b.WeChat.Apps[min(from, len(b.WeChat.Apps)):min(to, len(b.WeChat.Apps))] {
			p.List = append(p.List, wxclient.Authorizer{AppID: id, AuthTime: 1})
		}
		return p
	}
	for _, tc := range []struct {
		name string
		page func(b *bench, offset int) wxclient.AuthorizerPage
		lack string // "" for a list that can be read
	}{
		{"empty page in the middle", func(b *bench, offset int) wxclient.AuthorizerPage {
			if offset == 500 {
				return page(b, 1200, 0, 0)
			}
			return page(b, 1200, offset, offset+500)
		}, "WeChat listed 500 of 1,200 apps: the pages from row 500 on bring no other app"},
		{"total that no page bears out", func(b *bench, offset int) wxclient.AuthorizerPage {
			return page(b, 1<<40, offset, offset+500)
		}, "WeChat listed 1,200 of 1,099,511,627,776 apps: the pages from row 1200 on bring no other app"},
		{"one page again and again", func(b *bench, _ int) wxclient.AuthorizerPage { return page(b, 1200, 0, 500) },
			"WeChat listed 500 of 1,200 apps: some rows repeat an app"},
		{"a total that never stands", func(b *bench, offset int) wxclient.AuthorizerPage {
			return page(b, 1000+b.calls("AuthorizerList")%2, offset, offset+500)
		}, " apps: the total changed while the list was read"},
		{"short pages", func(b *bench, offset int) wxclient.AuthorizerPage { return page(b, 1200, offset, offset+77) }, ""},
		{"a page that is empty once", func(b *bench, offset int) wxclient.AuthorizerPage {
			if b.calls("AuthorizerList") == 1 {
				return page(b, 1200, 0, 0)
			}
			return page(b, 1200, offset, offset+500)
		}, ""},
		{"an app that comes meanwhile", func(b *bench, offset int) wxclient.AuthorizerPage {
			if b.calls("AuthorizerList") == 0 {
				return page(b, 1199, 0, 500)
			}
			return page(b, 1200, offset, offset+500)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			b.Authorize(1200)
			b.WeChat.Page = func(offset int) wxclient.AuthorizerPage { return tc.page(b, offset) }
			done, err := b.Fleet.Sync(b.Ctx, fleet.SyncOptions{})
			all, err2 := b.Fleet.AuthorizedApps(b.Ctx, nil)
			status, err3 := b.Fleet.Status(b.Ctx)
			if err3 != nil || status.Phase != "" || status.Apps != done.Read || done.Left != 0 {
				t.Errorf("%+v %+v %v", done, status, err3)
			}
			if n := b.calls("AuthorizerList"); n > 50 {
				t.Errorf("%d pages were asked for", n)
			}
			if tc.lack == "" {
				if err != nil || err2 != nil || done.Listed != 1200 || len(all) != 1200 || status.Short != "" || status.Listed.IsZero() {
					t.Errorf("%+v %+v %v, %d apps %v", done, status, err, len(all), err2)
				}
				return
			}
			var short *fleet.ListShortError
			if !errors.As(err, &short) || !strings.HasSuffix(short.Lack, tc.lack) || status.Short != short.Lack || !status.Listed.IsZero() {
				t.Errorf("got %v, status %+v", err, status)
			}
			if err2 == nil || !strings.Contains(err2.Error(), tc.lack) || len(all) > 0 {
				t.Errorf("%d apps, %v", len(all), err2)
			}
		})
	}
}

// A list that was read completely once stays the last word when a later one lacks apps.
func TestShortListKeepsApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(1200)
	b.Sync(fleet.SyncOptions{})
	listed, err := b.Fleet.Status(b.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.Advance(time.Hour)
	b.WeChat.Page = func(offset int) wxclient.AuthorizerPage {
		p := wxclient.AuthorizerPage{Total: 1200}
		for _, id := range b.WeChat.Apps[min(offset, 500):500] {
			p.List = append(p.List, wxclient.Authorizer{AppID: id, AuthTime: 1})
		}
		return p
	}
	if done, err := b.Fleet.Sync(b.Ctx, fleet.SyncOptions{}); !errors.As(err, new(*fleet.ListShortError)) || done.Left != 0 {
		t.Errorf("%+v %v", done, err)
	}
	if s, err := b.Fleet.Status(b.Ctx); err != nil || s.Apps != 1200 || !s.Listed.Equal(listed.Listed) {
		t.Errorf("%+v %v", s, err)
	}
	b.WeChat.Page = nil
	b.Advance(time.Hour)
	b.Sync(fleet.SyncOptions{})
	if s, err := b.Fleet.Status(b.Ctx); err != nil || s.Short != "" || s.Listed.Equal(listed.Listed) {
		t.Errorf("%+v %v", s, err)
	}
}
