package configapi

import (
	"testing"

	"github.com/wxrollout/wxrollout/wxclient/internal/wiretest"
)

// replyKinds makes one of each reply that the package decodes.
var replyKinds = map[string]func() any{
	"domains":           func() any { return &domainsReply{} },
	"web-view":          func() any { return &webviewReply{} },
	"platform domains":  func() any { return &platformDomainsReply{} },
	"effective domains": func() any { return &effectiveDomainsReply{} },
	"guideline":         func() any { return &guidelineReply{} },
	"qr":                func() any { return &qrReply{} },
	"tester":            func() any { return &testerReply{} },
	"serving":           func() any { return &servingReply{} },
	"library":           func() any { return &libraryReply{} },
	"effective webview": func() any { return &effectiveWebviewReply{} },
	"confirm file":      func() any { return &confirmFileReply{} },
	"read domains":      func() any { return &readDomainsReply{} },
	"testers":           func() any { return &testersReply{} },
	"read web-view":     func() any { return &readWebviewReply{} },
}

func TestEveryReplyIsFuzzed(t *testing.T) {
	t.Parallel()
	wiretest.EveryReplyListed(t, replyKinds)
}

func FuzzDecodeReply(f *testing.F) { wiretest.FuzzReplies(f, replyKinds) }
