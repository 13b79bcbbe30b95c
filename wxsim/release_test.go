package wxsim

import (
	"encoding/json"
	"fmt"
	"testing"
)

// ship takes an app through an audit that passes at once.
func (b *bench) ship(appid, version string) {
	b.t.Helper()
	b.commit(appid, version, "d")
	b.submit(appid)
	b.release(appid)
}

func TestReleaseTwice(t *testing.T) {
	t.Parallel()
	for quirk, code := range map[int]int{0: 85052, 85019: 85019, 85020: 85020, -2: 0} {
		t.Run(fmt.Sprint(quirk), func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 2, Quirks: Quirks{ReleaseTwice: quirk}})
			b.ship(AppID(1), "2")
			b.want(code, b.app(AppID(1), "POST", "/wxa/release", "{}"))
			if n := b.sim.Books().DoubleReleases.Total; n != 1 {
				t.Errorf("%d double releases, want 1", n)
			}
		})
	}
}

// TestReleasePublishesWhatPassedLast: a later commit or a rejected audit does not change what release publishes.
func TestReleasePublishesWhatPassedLast(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	b.commit(id, "2", "d")
	b.submit(id)
	b.commit(id, "3", "d")
	b.sim.DecideNext(id, true, "1:no<br>")
	b.submit(id)
	b.release(id)
	if v, _ := b.sim.App(id); v.Live != "2" || v.Trial != "3" {
		t.Errorf("live %q, trial %q; want 2 and 3", v.Live, v.Trial)
	}
	if n := b.sim.Books().UnpinnedReleases.Total; n != 1 {
		t.Errorf("%d unpinned releases, want 1", n)
	}
	b.want(85020, b.app(id, "POST", "/wxa/release", "{}"))
}

func TestVersionInfoLeavesOutWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	if err := b.sim.ChangeApp(id, AppChange{NoRelease: true}); err != nil {
		t.Fatal(err)
	}
	out := b.want(0, b.app(id, "POST", "/wxa/getversioninfo", "{}"))
	if out["exp_info"] != nil || out["release_info"] != nil {
		t.Errorf("%v, want neither object", out)
	}
	out = b.want(0, b.app(AppID(0), "POST", "/wxa/getversioninfo", "{}"))
	if out["exp_info"] == nil || out["release_info"] == nil {
		t.Errorf("%v, want both objects of an app upgraded before", out)
	}
}

func TestRevert(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	revert := func(query string) obj { return b.app(id, "GET", "/wxa/revertcoderelease"+query, nil) }
	history := func() []string {
		var out []string
		for _, v := range b.want(0, revert("?action=get_history_version"))["version_list"].([]any) {
			out = append(out, v.(obj)["user_version"].(string)+"@"+v.(obj)["app_version"].(json.Number).String())
		}
		return out
	}
	b.want(87012, revert(""))
	for i := 2; i <= 8; i++ {
		b.ship(id, fmt.Sprint(i))
	}
	if got, want := fmt.Sprint(history()), "[7@7 6@6 5@5 4@4 3@3]"; got != want {
		t.Errorf("history %s, want the five before the live one: %s", got, want)
	}
	b.want(40097, revert("?action=x"))
	b.want(40097, revert("?app_version=x"))
	b.want(87012, revert("?app_version=99"))
	b.want(0, revert(""))
	if v, _ := b.sim.App(id); v.Live != "7" {
		t.Errorf("live %q after going back one, want 7", v.Live)
	}
	b.want(0, revert("?app_version=5"))
	if v, _ := b.sim.App(id); v.Live != "5" {
		t.Errorf("live %q, want 5", v.Live)
	}
	b.want(87012, revert("?app_version=7")) // was reverted
	if n := b.sim.Books().Reverts; n != 2 {
		t.Errorf("%d reverts booked, want 2", n)
	}
}

func TestGrayRelease(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	gray := func(percent any) obj { return b.app(id, "POST", "/wxa/grayrelease", obj{"gray_percentage": percent}) }
	plan := func() string {
		p := b.want(0, b.app(id, "GET", "/wxa/getgrayreleaseplan", nil))["gray_release_plan"].(obj)
		return fmt.Sprint(p["status"], " ", p["gray_percentage"])
	}
	b.want(85080, gray(5))
	b.commit(id, "2", "d")
	b.submit(id)
	for value, code := range map[any]int{101: 85081, -1: 85081, 0: 85081, "5": 40097} {
		b.want(code, gray(value))
	}
	if got := plan(); got != "0 0" {
		t.Errorf("plan %s before there is one", got)
	}
	b.want(0, b.app(id, "POST", "/wxa/grayrelease", obj{"gray_percentage": 0, "support_debuger_first": true}))
	b.want(0, gray(5))
	b.want(85082, gray(5))
	b.want(85082, gray(4))
	if got := plan(); got != "1 5" {
		t.Errorf("plan %s, want 1 5", got)
	}
	b.want(87011, b.app(id, "GET", "/wxa/revertcoderelease", nil))
	if v, _ := b.sim.App(id); v.Live != "1.0.0" || v.State != AppGray {
		t.Errorf("live %q, state %s during a gray release", v.Live, v.State)
	}
	b.want(0, b.app(id, "GET", "/wxa/revertgrayrelease", nil))
	if got := plan(); got != "4 5" {
		t.Errorf("plan %s after it was reverted", got)
	}
	b.want(0, gray(3))
	b.want(0, gray(100))
	if v, _ := b.sim.App(id); v.Live != "2" || plan() != "3 100" {
		t.Errorf("live %q, plan %s; want 100 %% to publish", v.Live, plan())
	}
	b.want(85052, b.app(id, "POST", "/wxa/release", "{}"))
	b.balanced()

	if err := b.sim.ChangeApp(id, AppChange{NoRelease: true}); err != nil {
		t.Fatal(err)
	}
	b.want(85079, gray(5))
}

func TestGrayNeedsRelease(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, Quirks: Quirks{GrayNeedsRelease: true}})
	id := AppID(1)
	b.commit(id, "2", "d")
	b.submit(id)
	b.want(0, b.app(id, "POST", "/wxa/grayrelease", obj{"gray_percentage": 100}))
	if v, _ := b.sim.App(id); v.Live != "1.0.0" {
		t.Errorf("live %q before release", v.Live)
	}
	b.release(id)
	if v, _ := b.sim.App(id); v.Live != "2" {
		t.Errorf("live %q after release", v.Live)
	}
	b.balanced()
}

func TestVisitStatus(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	change := func(action any) obj { return b.app(id, "POST", "/wxa/change_visitstatus", obj{"action": action}) }
	is := func(want json.Number) {
		t.Helper()
		if got := b.want(0, b.app(id, "POST", "/wxa/getvisitstatus", "{}"))["status"]; got != want {
			t.Errorf("status %v, want %v", got, want)
		}
	}
	is("1")
	b.want(85021, change("open"))
	b.want(85022, change("shut"))
	b.want(47001, change(1))
	b.want(0, change("close"))
	is("0")
	b.want(0, change("open"))
	is("1")
}
