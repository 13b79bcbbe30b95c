package endpoint

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
)

// Sizes of uploads.
const (
	maxImage       = 2 << 20
	maxVideo       = 10 << 20
	maxPrivacyText = 100 << 10
)

// qrcode is a picture of one pixel: enough for clients that check the content type.
var qrcode = mustBase64("/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/" +
	"wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==")

func mustBase64(s string) []byte {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic("wxsim: picture of the QR code: " + err.Error())
	}
	return out
}

// getQRCode answers a JPEG.
func getQRCode(c *call) (payload, int) {
	if c.App.Trial == nil {
		return nil, 86001
	}
	c.JPEG = qrcode
	return nil, 0
}

// formFile is a file of a multipart form; empty files are 41005.
func formFile(c *call, field string) (data []byte, name string, code int) {
	c.R.Body = io.NopCloser(bytes.NewReader(c.Body))
	file, head, err := c.R.FormFile(field)
	if err != nil {
		return nil, "", 41005
	}
	defer file.Close() //nolint:errcheck // read only, in memory
	data, err = io.ReadAll(file)
	if err != nil || len(data) == 0 {
		return nil, "", 41005
	}
	return data, head.Filename, 0
}

// uploadMedia serves uploadmedia: a multipart form with the file in "media".
func uploadMedia(c *call) (payload, int) {
	data, _, code := formFile(c, "media")
	if code != 0 {
		return nil, code
	}
	kind, limit := "", 0
	switch http.DetectContentType(data) {
	case "image/png", "image/jpeg", "image/gif":
		kind, limit = "image", maxImage
	case "video/mp4":
		kind, limit = "video", maxVideo
	default:
		return nil, 40005
	}
	if len(data) > limit {
		return nil, 40006
	}
	id := kind + "_" + chance.Opaque(c.World.Settings().Seed, "media", c.App.ID, c.App.Upload(), 64)
	c.App.AddMedia(id, c.Now)
	return payload{"type": kind, "mediaid": id}, 0
}

// uploadPrivacy serves uploadprivacyextfile: a multipart form with a text in "file".
func uploadPrivacy(c *call) (payload, int) {
	data, name, code := formFile(c, "file")
	switch {
	case code != 0:
		return nil, code
	case !strings.HasSuffix(name, ".txt") || !utf8.Valid(data):
		return nil, 40005
	case len(data) > maxPrivacyText:
		return nil, 40126
	}
	hash := chance.Hash(c.World.Settings().Seed, c.App.ID, "privacy-file", c.App.Upload())
	id := fmt.Sprint(2_000_000_000_000_000_000 + int64(hash>>4))
	c.App.Config.Privacy.AddFile(id)
	return payload{"ext_file_media_id": id}, 0
}
