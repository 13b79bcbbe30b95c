package wxclient_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

// png, gif and mp4 are the beginnings of such files.
const (
	png = "\x89PNG\r\n\x1a\n"
	gif = "GIF89a"
	mp4 = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
)

// posted is the one file of a form as it reached the server.
type posted struct{ path, query, field, name, data string }

// serveForm takes one form and answers with the reply.
func serveForm(t *testing.T, reply string) (*wxclient.Client, chan posted) {
	t.Helper()
	seen := make(chan posted, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/form-data" {
			t.Errorf("content type %q, %v", r.Header.Get("Content-Type"), err)
		}
		form := multipart.NewReader(r.Body, params["boundary"])
		part, err := form.NextPart()
		if err != nil {
			t.Errorf("read the form: %v", err)
			return
		}
		data, err := io.ReadAll(part)
		if err != nil {
			t.Errorf("read the file: %v", err)
		}
		seen <- posted{r.URL.Path, r.URL.RawQuery, part.FormName(), part.FileName(), string(data)}
		if _, err := form.NextPart(); err != io.EOF {
			t.Errorf("more than one part: %v", err)
		}
		_, _ = io.WriteString(w, reply)
	}))
	t.Cleanup(s.Close)
	return dial(t, s.URL, &tokens{}), seen
}

func TestUploads(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data  string
		video bool
	}{"picture": {png + "x", false}, "moving picture": {gif, false}, "video": {mp4, true}} {
		c, seen := serveForm(t, `{"errcode":0,"type":"image","mediaid":"m1"}`)
		media, err := c.UploadMedia(t.Context(), app, "some/dir/a.png", []byte(tc.data))
		if want := (wxclient.Media{ID: "m1", Video: tc.video}); err != nil || media != want {
			t.Errorf("%s: got %+v, %v", name, media, err)
		}
		if got, want := <-seen, (posted{"/wxa/uploadmedia", appQuery, "media", "a.png", tc.data}); got != want {
			t.Errorf("%s: sent %+v, want %+v", name, got, want)
		}
	}
}

func TestUploadFaults(t *testing.T) {
	t.Parallel()
	media := func(data string) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.UploadMedia(ctx, app, "a", []byte(data))
			return err
		}
	}
	runRefusals(t, []refusalCase{
		{"text as a picture", "text/plain", media("hello")},
		{"nothing", "want png, jpeg, gif or mp4", media("")},
		{"large picture", "at most 2097152", media(png + strings.Repeat("x", 2<<20))},
		{"large video", "at most 10485760", media(mp4 + strings.Repeat("x", 10<<20))},
	})
	runUnreadable(t, []unreadableCase{
		{"no mediaid", media(png), ok, "lacks mediaid"},
		{"no picture", func(ctx context.Context, c *wxclient.Client) error { _, err := c.TrialQRCode(ctx, app, ""); return err }, ok, "lacks the picture"},
	})
}

// TestTrialQRCode: the picture is returned unchanged; an error is JSON for every path.
func TestTrialQRCode(t *testing.T) {
	t.Parallel()
	jpeg := "\xff\xd8\xff\xe0 not JSON"
	kind, query := "image/jpeg", ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, jpeg)
	}))
	defer s.Close()
	c := dial(t, s.URL, &tokens{})
	got, err := c.TrialQRCode(t.Context(), app, "page/index?action=1")
	if err != nil || string(got) != jpeg || query != appQuery+"&path=page%2Findex%3Faction%3D1" {
		t.Errorf("got %q, %v with %s", got, err, query)
	}
	if _, err = c.TrialQRCode(t.Context(), app, ""); err != nil || query != appQuery {
		t.Errorf("got %v with %s", err, query)
	}
	kind, jpeg = "text/plain", `{"errcode":86001,"errmsg":"no code"}`
	if got, err = c.TrialQRCode(t.Context(), app, ""); err == nil || got != nil || !strings.Contains(err.Error(), "86001") {
		t.Errorf("got %q, %v, want the refusal", got, err)
	}
}
