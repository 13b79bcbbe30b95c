package wxclient_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
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
		{"gray for no users", "developers or testers", func(ctx context.Context, c *wxclient.Client) error {
			return c.GrayRelease(ctx, app, wxclient.GrayRequest{})
		}},
		{"large page", "outside 1 to 500", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.AuthorizerList(ctx, 0, 501)
			return err
		}},
		{"info of no app", "appid is empty", func(ctx context.Context, c *wxclient.Client) error { _, err := c.AuthorizerInfo(ctx, ""); return err }},
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
