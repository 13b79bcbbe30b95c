package wxclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Limits of uploads that WeChat documents, in bytes.
const (
	maxImage = 2 << 20
	maxVideo = 10 << 20
)

// Media is material for an audit.
type Media struct {
	// ID goes into AuditPreview; it lives for 3 days.
	ID string
	// Video is true for a video, false for a picture.
	Video bool
}

type mediaReply struct {
	Type string `json:"type"`
	ID   string `json:"mediaid" need:"yes"`
}

// UploadMedia uploads a picture (png, jpeg or gif, up to 2 MB) or a video (mp4, up to 10 MB) to show
// to the auditors of this app. Its kind is detected from the content, not from the name.
//
// WeChat page: api_uploadmediatocodeaudit. Codes: 40005 kind of file, 40006 too large, 41005.
func (c *Client) UploadMedia(ctx context.Context, appid, name string, data []byte) (Media, error) {
	const path = "/wxa/uploadmedia"
	video, err := checkMedia(data)
	if err != nil {
		return Media{}, &InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply mediaReply
	r := wire.Post(path, nil)
	r.File = &wire.File{Field: "media", Name: filepath.Base(name), Data: data}
	if err := c.wire.CallApp(ctx, appid, r, &reply); err != nil {
		return Media{}, err
	}
	return Media{ID: reply.ID, Video: video}, nil
}

func checkMedia(data []byte) (video bool, err error) {
	kind, limit := http.DetectContentType(data), maxImage
	switch kind {
	case "image/png", "image/jpeg", "image/gif":
	case "video/mp4":
		video, limit = true, maxVideo
	default:
		return false, fmt.Errorf("the file is %s, want png, jpeg, gif or mp4", kind)
	}
	if len(data) > limit {
		return false, fmt.Errorf("the file has %d bytes, want at most %d", len(data), limit)
	}
	return video, nil
}

// TrialQRCode reads the QR code (a JPEG) with which a tester opens the app's trial version, at page
// with its query if that is not empty.
//
// WeChat page: api_gettrialqrcode. Codes: 40001, 86001 nothing committed.
func (c *Client) TrialQRCode(ctx context.Context, appid, page string) (jpeg []byte, err error) {
	r := wire.Get("/wxa/get_qrcode")
	if page != "" {
		r.Query = url.Values{"path": {page}}
	}
	var picture []byte
	r.Picture = &picture
	if err := c.wire.CallApp(ctx, appid, r, &needPicture{&picture}); err != nil {
		return nil, err
	}
	return picture, nil
}

// needPicture refuses a JSON success in place of a picture.
type needPicture struct{ got *[]byte }

// UnmarshalJSON accepts any object: Check decides.
func (*needPicture) UnmarshalJSON([]byte) error { return nil }

func (p *needPicture) Check() error {
	if len(*p.got) == 0 {
		return wire.Missing("the picture")
	}
	return nil
}
