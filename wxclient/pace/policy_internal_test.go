package pace

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	commitPath  = "/wxa/commit"
	versionPath = "/wxa/getversioninfo"
)

// What WeChat's answers slow.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type calls struct {
		after    time.Duration // before each
		n        int
		endpoint string
		code     int64
	}
	quick := func(n int, endpoint string, code int64) calls { return calls{10 * time.Millisecond, n, endpoint, code} }
	for _, tc := range []struct {
		name string
		seq  []calls
		want []string // what was slowed, in order; all = ""
	}{
		{"a busy reply now and then", []calls{quick(9, commitPath, -1), quick(20, commitPath, 0), quick(9, commitPath, -1)}, nil},
		{"half of an endpoint's answers", []calls{quick(10, commitPath, 0), quick(10, commitPath, -1)}, []string{commitPath}},
		{"too slowly to be a burst", []calls{{2 * time.Second, 20, commitPath, -1}}, nil},
		{"once a second", []calls{quick(100, commitPath, -1)}, []string{commitPath}},
		{"and again", []calls{quick(120, commitPath, -1)}, []string{commitPath, commitPath}},
		{"several endpoints: all calls", []calls{quick(6, commitPath, -1), quick(6, versionPath, -1)}, []string{""}},
		{"one endpoint's limit, at once", []calls{quick(1, commitPath, 45009)}, []string{commitPath}},
		{"of calls per minute too", []calls{quick(2, versionPath, 45011)}, []string{versionPath}},
		{"many of it are still one endpoint's", []calls{quick(40, commitPath, 45009), quick(40, versionPath, 0)}, []string{commitPath}},
		{"two endpoints' limits", []calls{quick(8, commitPath, 45009), quick(8, versionPath, 45009)}, []string{commitPath, versionPath, ""}},
		{"submissions used up are no rate", []calls{quick(40, "/wxa/submit_audit", 85085)}, nil},
		{"one app's throttling is its own", []calls{quick(40, commitPath, 9402202), quick(40, versionPath, 85090)}, nil},
		{"a penalty is no rate", []calls{quick(40, "/wxa/submit_audit", 86008)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var f refusals
			var got []string
			now := time.Unix(1e9, 0)
			for _, c := range tc.seq {
				for range c.n {
					now = now.Add(c.after)
					class := wxclient.ClassOf(c.code)
					if c.code == 0 {
						class = wxclient.ClassOK
					}
					got = append(got, f.add(now, wxclient.Call{Endpoint: c.endpoint, Code: c.code, Class: class})...)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("slowed (-want +got):\n%s", diff)
			}
		})
	}
}
