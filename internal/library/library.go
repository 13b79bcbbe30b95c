// Package library holds the use cases of the template library: list templates and drafts, find a
// plan's template, add a draft, delete what nothing uses.
package library

import (
	"context"
	"fmt"
	"iter"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxclient"
)

// LatestTemplate is the template id of a schedule or baseline that takes the newest template at
// each run.
const LatestTemplate = planfile.LatestTemplate

// WeChat is the part of the client that the library needs. Add and delete write.
type WeChat interface {
	Templates(ctx context.Context) ([]wxclient.Template, error)
	TemplateDrafts(ctx context.Context) ([]wxclient.TemplateDraft, error)
	AddTemplate(ctx context.Context, draftID int64) error
	DeleteTemplate(ctx context.Context, templateID int64) error
}

// Plans reads the plans that name templates. *ledger.Ledger implements it.
type Plans interface {
	Active(ctx context.Context) ([]rollout.Rollout, error)
	Rollouts(ctx context.Context, offset, n int) ([]rollout.Rollout, error)
	Plan(ctx context.Context, id string, revision int) (rollout.Plan, error)
	Schedules(ctx context.Context) ([]ledger.Schedule, error)
}

// Log records what operators do to the platform. *ledger.Ledger implements it.
type Log interface {
	PlatformActions(ctx context.Context) ([]ledger.Action, error)
	NotePlatform(ctx context.Context, from, to, by, why string) error
}

// Apps walks over the app registry. *apps.Store implements it.
type Apps interface {
	All(ctx context.Context) iter.Seq2[apps.App, error]
}

// Deps are what a Library works on.
type Deps struct {
	Plans Plans
	Log   Log
	Apps  Apps
	// WeChat answers calls; a nil interface means offline.
	WeChat WeChat
	// Baseline returns the templates that the baseline uses.
	Baseline func(context.Context) ([]rollout.Template, error)
	// By names the operator in the log.
	By string
}

// Library carries out the use cases. It is safe for concurrent use.
type Library struct{ d Deps }

// New returns a library.
func New(d Deps) *Library { return &Library{d} }

// online returns the client, or an error that names the command that needs it.
func (l *Library) online(what string) (WeChat, error) {
	if l.d.WeChat == nil {
		return nil, &credential.OfflineError{What: what}
	}
	return l.d.WeChat, nil
}

// TemplateError reports that the template library lacks the plan's template.
type TemplateError struct {
	ID int64
	// Newest is the newest entry; Empty reports that the library has none.
	Newest rollout.Template
	Empty  bool
	// Standard reports that it is a standard template (标准模板).
	Standard bool
}

func (e *TemplateError) Error() string {
	if e.Standard {
		return fmt.Sprintf("template %d is a standard template, which WeChat withdrew: want an ordinary one; the newest is %d, version %s (enqueue templates lists them)", e.ID, e.Newest.ID, e.Newest.Version)
	}
	if e.Empty {
		return "the template library is empty: upload the code and add the draft to the library first"
	}
	return fmt.Sprintf("template %d is not in the library; the newest is %d, version %s (enqueue templates lists them)", e.ID, e.Newest.ID, e.Newest.Version)
}
