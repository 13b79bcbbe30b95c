package wxsim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Sizes and life of material uploaded for an audit.
const (
	maxImage  = 2 << 20
	maxVideo  = 10 << 20
	mediaLife = 3 * 24 * time.Hour
	mediaKept = 100
)

// getPage plays get_page: the pages of the trial version.
func (c *call) getPage() reply {
	if c.app.trial == nil {
		return failure(86001)
	}
	return success(payload{"page_list": c.app.trial.pages})
}

// getCategory plays get_category.
func (c *call) getCategory() reply {
	list := []category{}
	if c.app.hasCategory {
		list = append(list, c.app.category)
	}
	return success(payload{"category_list": list})
}

// qrcode is a picture of one pixel: enough for whoever branches on the content type.
var qrcode = mustBase64("/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/" +
	"wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==")

func mustBase64(s string) []byte {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic("wxsim: picture of the QR code: " + err.Error())
	}
	return out
}

// getQRCode plays get_qrcode: a JPEG, not JSON.
func (c *call) getQRCode() reply {
	if c.app.trial == nil {
		return failure(86001)
	}
	return reply{raw: qrcode, rawType: "image/jpeg"}
}

// uploadMedia plays uploadmedia: a multipart form with the file in "media".
func (c *call) uploadMedia() reply {
	c.r.Body = io.NopCloser(bytes.NewReader(c.body))
	file, head, err := c.r.FormFile("media")
	if err != nil {
		return failure(41005)
	}
	defer file.Close() //nolint:errcheck // read only, in memory
	data, err := io.ReadAll(file)
	if err != nil || len(data) == 0 {
		return failure(41005)
	}
	kind, limit := "", 0
	switch http.DetectContentType(data) {
	case "image/png", "image/jpeg", "image/gif":
		kind, limit = "image", maxImage
	case "video/mp4":
		kind, limit = "video", maxVideo
	default:
		return failure(40005)
	}
	if len(data) > limit || head.Size > int64(limit) {
		return failure(40006)
	}
	a := c.app
	if a.media == nil || len(a.media) >= mediaKept {
		a.media = map[string]time.Time{}
	}
	a.uploads++
	id := fmt.Sprintf("%s_%s", kind, opaque(c.set.Seed, "media", a.id, a.uploads, 64))
	a.media[id] = c.now
	return success(payload{"type": kind, "mediaid": id})
}
