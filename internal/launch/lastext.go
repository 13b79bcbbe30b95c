package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// extRollouts is how many rollouts are searched for the last commit of an app, the newest first.
const extRollouts = 200

// ExtDiff compares the ext.json that a preview would commit for an app with that of the app's last
// commit, as a unified diff; "" if they are equal. The ledger keeps the template and the values of
// each target, so that the earlier ext.json is rendered again: WeChat has no call that returns it,
// and what another tool committed is unknown.
func (l *Launcher) ExtDiff(ctx context.Context, p *Preview, appID string) (string, error) {
	next, err := p.Ext(appID)
	if err != nil {
		return "", err
	}
	id, last, err := l.lastExt(ctx, appID)
	if err != nil || last == next {
		return "", err
	}
	old, name := []byte{}, "no commit of a rollout"
	if id != "" {
		old, name = indented(last), id
	}
	return string(diff.Diff(name, old, p.ID, indented(next))), nil
}

// lastExt is the ext.json of the last commit of an app, and its rollout; "" if there is none.
func (l *Launcher) lastExt(ctx context.Context, appID string) (id, ext string, err error) {
	rollouts, err := l.d.Ledger.Rollouts(ctx, 0, extRollouts)
	if _, err := ledger.Broken(err); err != nil { // an unreadable rollout stops no other
		return "", "", err
	}
	keys := make([]ledger.TargetKey, len(rollouts))
	for i, r := range rollouts {
		keys[i] = ledger.TargetKey{Rollout: r.ID, AppID: appID}
	}
	found, err := l.d.Ledger.Lookup(ctx, keys)
	if err != nil {
		return "", "", err
	}
	for i, r := range rollouts {
		t := found[i].Target
		switch {
		case !found[i].There:
			continue
		case found[i].Err != nil:
			return "", "", found[i].Err
		case !rollout.StageCommit.Before(t.Stage) || t.State == rollout.StateUndone:
			continue
		}
		plan, err := l.d.Ledger.Plan(ctx, r.ID, t.Revision)
		if err != nil {
			return "", "", err
		}
		tmpl, err := extjson.Parse(plan.Ext)
		if err != nil {
			return "", "", fmt.Errorf("ext template of %s: %w", r.ID, err)
		}
		ext, err = tmpl.Render(extjson.App{AppID: appID, Label: t.Label, Columns: t.Columns})
		if plan.Ext == "" {
			ext = "{}"
		}
		return r.ID, ext, err
	}
	return "", "", nil
}

// indented is a document with a line per value.
func indented(ext string) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(ext), "", "  "); err != nil {
		return []byte(ext + "\n")
	}
	b.WriteByte('\n')
	return b.Bytes()
}
