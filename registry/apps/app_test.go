package apps_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// TestNews: what each piece of news makes of a record.
func TestNews(t *testing.T) {
	t.Parallel()
	known := apps.App{State: apps.StateAuthorized, Authorized: 100, Changed: 100, Listed: 100, Read: 110}
	gone := apps.App{State: apps.StateLeft, Authorized: 100, Changed: 200}
	with := func(a apps.App, f func(*apps.App)) apps.App { f(&a); return a }
	for name, tc := range map[string]struct {
		was  apps.App
		news func(*apps.App) bool
		want apps.App
		ok   bool
	}{
		"a new one joins":        {apps.App{}, func(a *apps.App) bool { return a.Join(50) }, apps.App{State: apps.StateAuthorized, Authorized: 50, Changed: 50}, true},
		"grants change":          {known, func(a *apps.App) bool { return a.Join(150) }, with(known, func(a *apps.App) { a.Changed, a.Read = 150, 0 }), true},
		"late news of joining":   {gone, func(a *apps.App) bool { return a.Join(150) }, gone, false},
		"it comes back":          {gone, func(a *apps.App) bool { return a.Join(250) }, apps.App{State: apps.StateAuthorized, Authorized: 250, Changed: 250}, true},
		"it leaves":              {known, func(a *apps.App) bool { return a.Leave(200) }, with(known, func(a *apps.App) { a.State, a.Changed, a.Read = apps.StateLeft, 200, 0 }), true},
		"late news of leaving":   {known, func(a *apps.App) bool { return a.Leave(99) }, known, false},
		"it leaves twice":        {gone, func(a *apps.App) bool { return a.Leave(300) }, with(gone, func(a *apps.App) { a.Changed = 300 }), true},
		"left twice":             {gone, func(a *apps.App) bool { return a.Leave(200) }, gone, false},
		"an unknown one leaves":  {apps.App{}, func(a *apps.App) bool { return a.Leave(300) }, apps.App{State: apps.StateLeft, Changed: 300}, true},
		"listed first":           {apps.App{}, func(a *apps.App) bool { return a.See(500, 40, 7, false) }, apps.App{State: apps.StateAuthorized, Authorized: 40, Changed: 40, Listed: 500, Sync: 7}, true},
		"listed again":           {known, func(a *apps.App) bool { return a.See(500, 100, 7, false) }, with(known, func(a *apps.App) { a.Listed, a.Sync = 500, 7 }), true},
		"to be read again":       {known, func(a *apps.App) bool { return a.See(500, 100, 7, true) }, with(known, func(a *apps.App) { a.Listed, a.Read, a.Sync = 500, 0, 7 }), true},
		"authorized again":       {known, func(a *apps.App) bool { return a.See(500, 300, 7, false) }, with(known, func(a *apps.App) { a.Listed, a.Authorized, a.Read, a.Sync = 500, 300, 0, 7 }), true},
		"listed before it left":  {gone, func(a *apps.App) bool { return a.See(200, 100, 7, false) }, gone, false},
		"listed after it left":   {gone, func(a *apps.App) bool { return a.See(201, 199, 7, false) }, apps.App{State: apps.StateAuthorized, Authorized: 199, Changed: 201, Listed: 201, Sync: 7}, true},
		"read after it left":     {gone, func(a *apps.App) bool { return a.Learn(300, apps.Facts{Name: "x"}) }, gone, false},
		"read":                   {known, func(a *apps.App) bool { return a.Learn(300, apps.Facts{Name: "x"}) }, with(known, func(a *apps.App) { a.Read, a.Name = 300, "x" }), true},
		"what was not looked at": {with(known, func(a *apps.App) { a.Live, a.Privacy = "1.0", "ok" }), func(a *apps.App) bool { return a.Learn(300, apps.Facts{Name: "x"}) }, with(known, func(a *apps.App) { a.Read, a.Name, a.Live, a.Privacy = 300, "x", "1.0", "ok" }), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tc.was
			if ok := tc.news(&got); ok != tc.ok {
				t.Errorf("changed %v, want %v", ok, tc.ok)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrderOfNews: callbacks that come in any order, and more than once, end where the
// newest of them says.
func TestOrderOfNews(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfNDistinct(rapid.Int64Range(1, 1000), 1, 8, rapid.ID).Draw(t, "times")
		slices.Sort(times)
		type news struct {
			at    apps.Seconds
			joins bool
		}
		var all []news
		for i, at := range times {
			all = append(all, news{apps.Seconds(at), i%2 == 0}) // it joins first, then leaves, ...
		}
		last := all[len(all)-1]
		var a apps.App
		order := rapid.Permutation(append(slices.Clone(all), all...)).Draw(t, "order")
		for _, n := range order {
			if n.joins {
				a.Join(n.at)
			} else {
				a.Leave(n.at)
			}
		}
		if (a.State == apps.StateAuthorized) != last.joins || a.Changed != last.at {
			t.Fatalf("ends as %+v after %v, want the last of %v", a, order, all)
		}
	})
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	fine := apps.App{State: apps.StateAuthorized, Read: 1, Facts: apps.Facts{MiniProgram: true, Status: 1, Sets: []int64{17, 18}, Categories: []string{"shop"}}}
	with := func(f func(*apps.App)) apps.App { a := fine; f(&a); return a }
	for name, tc := range map[string]struct {
		app  apps.App
		want []apps.Need
	}{
		"nothing":          {fine, nil},
		"warned":           {with(func(a *apps.App) { a.Status = 18 }), nil},
		"left":             {with(func(a *apps.App) { a.State = apps.StateLeft }), []apps.Need{apps.NeedAuthorize}},
		"frozen":           {with(func(a *apps.App) { a.Status, a.Sets = 19, nil }), []apps.Need{apps.NeedAccount}},
		"no set 18":        {with(func(a *apps.App) { a.Sets = []int64{17} }), []apps.Need{apps.NeedPermission}},
		"no category":      {with(func(a *apps.App) { a.Categories = nil }), []apps.Need{apps.NeedCategory}},
		"both":             {with(func(a *apps.App) { a.Categories, a.Sets = nil, nil }), []apps.Need{apps.NeedPermission, apps.NeedCategory}},
		"never read":       {with(func(a *apps.App) { a.Read, a.Sets = 0, nil }), nil},
		"official account": {with(func(a *apps.App) { a.MiniProgram, a.Sets = false, nil }), nil},
	} {
		if diff := cmp.Diff(tc.want, tc.app.Needs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	was := apps.App{Label: "Shop", Values: map[string]string{"tier": "tin", "note": "x"}}
	for text, want := range map[string]apps.App{
		"tier=gold":           {Label: "Shop", Values: map[string]string{"tier": "gold", "note": "x"}},
		"note-":               {Label: "Shop", Values: map[string]string{"tier": "tin"}},
		"label=Corner = shop": {Label: "Corner = shop", Values: was.Values},
		"label-":              {Values: was.Values},
		"a-b=c;x-":            {Label: "Shop", Values: map[string]string{"tier": "tin", "note": "x", "a-b": "c"}},
		"tier=":               {Label: "Shop", Values: map[string]string{"tier": "", "note": "x"}},
	} {
		e, err := apps.ParseEdit(strings.Split(text, ";"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := apps.App{Label: was.Label, Values: maps.Clone(was.Values)}
		if !e.Apply(&got) {
			t.Errorf("%s: says that nothing changed", text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if e.Apply(&got) {
			t.Errorf("%s: changes twice", text)
		}
	}
	_, err := apps.ParseEdit([]string{"tier", "appid=wx1", "wx.live=1", "=x", "a=1", "a-", "b=" + strings.Repeat("x", apps.ValueMax+1), "c=\x00"})
	for _, want := range []string{`"tier": want NAME=VALUE`, "appid is the app's own", "wx.live: names that begin", "no name", "a is there twice", "b: the value has 4097 bytes", "c: the value has a control"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("faults lack %q: %v", want, err)
		}
	}
}

// TestSelect: a selector sees values and the registry's own keys.
func TestSelect(t *testing.T) {
	t.Parallel()
	a := apps.App{
		AppID: "wx1", Label: "Shop", State: apps.StateAuthorized, Read: 1, Values: map[string]string{"tier": "gold"},
		Facts: apps.Facts{Name: "N", Principal: "P", MiniProgram: true, Status: 1, Live: "3.9.0", Categories: []string{"a/b"}, Privacy: "ok"},
	}
	for text, want := range map[string]bool{
		"tier=gold": true, "tier=tin": false, "appid=wx1,label=Shop": true, "wx.live=3.9.0": true, "wx.live!=3.9.0": false,
		"wx.needs=permission": true, "wx.status in (1,18)": true, "wx.name=N,wx.principal=P,wx.category=a/b,wx.privacy=ok,wx.state=authorized,wx.service=0": true,
		"!region": true,
	} {
		s, err := selector.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Match(a.Get); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, key := range apps.OwnKeys() {
		if _, ok := a.Get(key); !ok {
			t.Errorf("%s is no key of an app", key)
		}
	}
	if at := apps.At(time.Unix(7, 5)); at != 7 || !apps.At(time.Time{}).Time().IsZero() || at.Time().Unix() != 7 {
		t.Errorf("seconds %v", at)
	}
}
