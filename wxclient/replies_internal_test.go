package wxclient

import (
	"testing"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
	"github.com/wxrollout/wxrollout/wxclient/internal/wiretest"
)

// replyKinds makes one of each reply that the package decodes.
var replyKinds = map[string]func() any{
	"none":             func() any { return nil },
	"audit":            func() any { return &auditReply{} },
	"quota":            func() any { return &quotaReply{} },
	"version":          func() any { return &versionReply{} },
	"category":         func() any { return &categoryReply{} },
	"authorizer":       func() any { return &authorizerReply{} },
	"authorizers":      func() any { return &authorizersReply{} },
	"API quota":        func() any { return &apiQuotaReply{} },
	"component token":  func() any { return &componentTokenReply{} },
	"pre-auth":         func() any { return &preAuthReply{} },
	"authorizer token": func() any { return &authorizerTokenReply{} },
	"query auth":       func() any { return &queryAuthReply{} },
	"gray":             func() any { return &grayReply{} },
	"submit":           func() any { return &submitReply{} },
	"templates":        func() any { return &templatesReply{} },
	"drafts":           func() any { return &draftsReply{} },
	"media":            func() any { return &mediaReply{} },
	"option":           func() any { return &optionReply{} },
	"trial":            func() any { return &trialReply{} },
	"picture":          func() any { return &needPicture{got: new([]byte)} },
	"pages":            func() any { return &pagesReply{} },
	"privacy info":     func() any { return &privacyInfoReply{} },
	"history":          func() any { return &historyReply{} },
}

func TestEveryReplyIsFuzzed(t *testing.T) {
	t.Parallel()
	wiretest.EveryReplyListed(t, replyKinds)
}

func FuzzDecodeReply(f *testing.F) { wiretest.FuzzReplies(f, replyKinds) }

// TestHostileReplies: a number, and the lists.
func TestHostileReplies(t *testing.T) { //nolint:paralleltest // it measures memory
	for _, kind := range []string{"quota", "templates", "authorizers"} {
		wiretest.HostileReplies(t, kind, replyKinds[kind])
	}
}

// FuzzAuditStatus checks that no reply without a status decodes as a passed audit.
func FuzzAuditStatus(f *testing.F) {
	f.Add([]byte(`{"errcode":0,"auditid":5}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var reply auditReply
		if err := wire.Decode(wire.Get("/x").WithoutErrcode(), body, nil, &reply); err == nil && reply.Status == nil {
			t.Fatalf("%q passed without status", body)
		}
	})
}
