package wxclient_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

func TestLocalRefusals(t *testing.T) {
	t.Parallel()
	commit := func(r wxclient.CommitRequest) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error { return c.Commit(ctx, app, r) }
	}
	submit := func(r wxclient.SubmitRequest) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error { _, err := c.SubmitAudit(ctx, app, r); return err }
	}
	item := func(change func(*wxclient.AuditItem)) func(context.Context, *wxclient.Client) error {
		i := wxclient.AuditItem{FirstClass: "A", SecondClass: "B", FirstID: 1, SecondID: 2}
		change(&i)
		return submit(wxclient.SubmitRequest{Items: []wxclient.AuditItem{i}})
	}
	runRefusals(t, []refusalCase{
		{"no version", "user_version has 0", commit(wxclient.CommitRequest{})},
		{"long version", "user_version has 65", commit(wxclient.CommitRequest{Version: strings.Repeat("版", 65)})},
		{"negative template", "template_id is -1", commit(wxclient.CommitRequest{TemplateID: -1, Version: "1"})},
		{"ext_json an array", "not a JSON object", commit(wxclient.CommitRequest{Version: "1", ExtJSON: "[]"})},
		{"ext_json broken", "not a JSON object", commit(wxclient.CommitRequest{Version: "1", ExtJSON: `{"a":`})},
		{"ext_json with half a pair", "does not take", commit(wxclient.CommitRequest{Version: "1", ExtJSON: `{"a":"\ud83d"}`})},
		{"control character", "does not take", commit(wxclient.CommitRequest{Version: "1", Desc: "a\x01"})},
		{"six items", "6 items", submit(wxclient.SubmitRequest{Items: make([]wxclient.AuditItem, 6)})},
		{"long feedback", "feedback_info has 201", submit(wxclient.SubmitRequest{FeedbackInfo: strings.Repeat("x", 201)})},
		{"no category", "category is missing", item(func(i *wxclient.AuditItem) { i.SecondID = 0 })},
		{"long title", "title has 33", item(func(i *wxclient.AuditItem) { i.Title = strings.Repeat("x", 33) })},
		{"many tags", "11 tags", item(func(i *wxclient.AuditItem) { i.Tag = strings.Repeat("x ", 11) })},
		{"long tag", "has 21 characters", item(func(i *wxclient.AuditItem) { i.Tag = strings.Repeat("x", 21) })},
		{"no appid", "appid is empty", func(ctx context.Context, c *wxclient.Client) error { return c.Release(ctx, "") }},
		{"gray above 100", "outside 0 to 100", func(ctx context.Context, c *wxclient.Client) error {
			return c.GrayRelease(ctx, app, wxclient.GrayRequest{Percentage: 101})
		}},
		{"gray for nobody", "developers or testers", func(ctx context.Context, c *wxclient.Client) error {
			return c.GrayRelease(ctx, app, wxclient.GrayRequest{})
		}},
		{"large page", "outside 1 to 500", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.AuthorizerList(ctx, 0, 501)
			return err
		}},
		{"info of nobody", "appid is empty", func(ctx context.Context, c *wxclient.Client) error { _, err := c.AuthorizerInfo(ctx, ""); return err }},
		{"empty refresh token", "is empty", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.RefreshAuthorizerToken(ctx, "cat", app, "")
			return err
		}},
		{"six media of feedback", "6 media", submit(wxclient.SubmitRequest{FeedbackStuff: "1|2|3|4|5|6"})},
		{"scene 6", "scene is 6", submit(wxclient.SubmitRequest{UGC: &wxclient.UGCDeclare{Scenes: []int{6}}})},
		{"method 0", "method is 0", submit(wxclient.SubmitRequest{UGC: &wxclient.UGCDeclare{Methods: []int{0}}})},
		{"two teams", "has_audit_team is 2", submit(wxclient.SubmitRequest{UGC: &wxclient.UGCDeclare{HasTeam: 2}})},
		{"long declaration", "257 characters", submit(wxclient.SubmitRequest{UGC: &wxclient.UGCDeclare{AuditDesc: strings.Repeat("x", 257)}})},
	})
}

// refusalCase is a request that must not leave.
type refusalCase struct {
	name, problem string
	call          func(context.Context, *wxclient.Client) error
}

func runRefusals(t *testing.T, cases []refusalCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s, _ := setup(t, ok)
			err := tc.call(t.Context(), c)
			var invalid *wxclient.InvalidRequestError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got %T %v, want %q", err, err, tc.problem)
			}
			if n := len(s.requests()); n != 0 {
				t.Errorf("%d requests left", n)
			}
		})
	}
}

func TestComponentAppIDIsNeeded(t *testing.T) {
	t.Parallel()
	c := dialWith(t, wxclient.Options{BaseURL: serve(t, ok).URL, Tokens: &tokens{}})
	_, _, err := c.FetchComponentToken(t.Context(), "s", "t")
	var invalid *wxclient.InvalidRequestError
	if !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
}

func TestNewChecksOptions(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"api.weixin.qq.com", "/x", "ftp://x", "http://", "http://user:s3cret@x", "http://x?a=s3cret", "http://x#f", "http://\x01"} {
		_, err := wxclient.New(wxclient.Options{BaseURL: base})
		if err == nil {
			t.Errorf("%q was taken", base)
			continue
		}
		noSecret(t, err.Error(), "s3cret")
	}
	if _, err := wxclient.New(wxclient.Options{MaxReply: -1}); err == nil {
		t.Error("a negative MaxReply was taken")
	}
	if _, err := wxclient.New(wxclient.Options{}); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

func TestBasePathIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, ok)
	if err := dial(t, s.URL+"/proxy/", &tokens{}).Release(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if path := s.requests()[0].Path; path != "/proxy/wxa/release" {
		t.Errorf("path %s", path)
	}
}

// TestClasses compares the class of every code with the reviewed list in testdata.
func TestClasses(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/classes.golden")
	if err != nil {
		t.Fatal(err)
	}
	var class wxclient.Class
	n := 0
	for _, field := range strings.Fields(string(text)) {
		if name, isClass := strings.CutSuffix(field, ":"); isClass {
			class = wxclient.Class(name)
			continue
		}
		code, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if got := wxclient.ClassOf(code); got != class {
			t.Errorf("%d is %s, want %s", code, got, class)
		}
		if text, known := wxclient.Describe(code); !known || text == "" {
			t.Errorf("%d has no text", code)
		}
	}
	if n != 277 || n != wxclient.CodeCount() {
		t.Errorf("%d codes listed and %d in the table, want 277", n, wxclient.CodeCount())
	}
}

// TestSimulatorsCodesAreKnown: whatever the simulator answers has a class of its own, so that no rehearsal parks as
// unlisted what the real WeChat would be understood in.
func TestSimulatorsCodesAreKnown(t *testing.T) {
	t.Parallel()
	codes := wxsim.Codes()
	if len(codes) < 80 {
		t.Errorf("the simulator has %d codes only", len(codes))
	}
	for _, code := range codes {
		if _, known := wxclient.Describe(int64(code)); !known {
			t.Errorf("the simulator answers %d, which errcodes.csv lacks", code)
		}
	}
}

func TestClassOfSpotChecks(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]wxclient.Class{
		0: wxclient.ClassOK, -1: wxclient.ClassRetryBusy, 40001: wxclient.ClassRetryToken, 45009: wxclient.ClassThrottlePlatform,
		61039: wxclient.ClassWaitExternal, 85009: wxclient.ClassAlreadyDone, 85014: wxclient.ClassFatalRollout,
		85085: wxclient.ClassThrottlePlatform, 86008: wxclient.ClassFatalConfig, 9402202: wxclient.ClassThrottleApp,
		61007: wxclient.ClassFatalApp, 7: wxclient.ClassUnknown, 9402205: wxclient.ClassThrottleApp,
	} {
		if got := wxclient.ClassOf(code); got != want || !slices.Contains(wxclient.Classes(), got) {
			t.Errorf("%d is %s, want %s", code, got, want)
		}
	}
	if _, known := wxclient.Describe(7); known {
		t.Error("7 is described")
	}
}

func TestIsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("x"), false},
		{&wxclient.Error{Code: 9402202}, true},
		{&wxclient.Error{Code: 9402205}, true},
		{&wxclient.Error{Code: -1}, false},
		{&wxclient.OutcomeUnknownError{Err: errors.New("x")}, true},
		{&wxclient.NotSentError{Err: &wxclient.OutcomeUnknownError{}}, false},
		{&wxclient.InvalidRequestError{}, false},
	} {
		if got := wxclient.IsOutcomeUnknown(tc.err); got != tc.want {
			t.Errorf("%T %v: got %v", tc.err, tc.err, got)
		}
	}
}

func TestWithTokensCopies(t *testing.T) {
	t.Parallel()
	plain := dial(t, serve(t, ok).URL, nil)
	with := plain.WithTokens(&tokens{})
	var notSent *wxclient.NotSentError
	if err := plain.Release(t.Context(), app); !errors.As(err, &notSent) {
		t.Errorf("without tokens: %v", err)
	}
	if err := with.Release(t.Context(), app); err != nil {
		t.Errorf("with tokens: %v", err)
	}
	if err := with.WithTokens(nil).Release(t.Context(), app); !errors.As(err, &notSent) {
		t.Errorf("with tokens taken away: %v", err)
	}
	if with.ComponentAppID() != component {
		t.Errorf("component %q", with.ComponentAppID())
	}
}
