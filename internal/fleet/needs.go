package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

// MerchantTask is what one merchant must do for one app.
type MerchantTask struct {
	AppID     string    `json:"appid"`
	Label     string    `json:"label,omitempty"`
	Name      string    `json:"name,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Need      apps.Need `json:"need"`
	// Words say what to do.
	Words string `json:"what"`
	// Rollout waits for it; "" if none does. Code and Text are WeChat's answer, Since is its time.
	Rollout string    `json:"rollout,omitempty"`
	Code    int64     `json:"errcode,omitempty"`
	Text    string    `json:"last_error,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Link is what to send to the merchant, LinkUntil when it expires; "" for a need whose link
	// was not made.
	Link      string    `json:"link,omitempty"`
	LinkUntil time.Time `json:"link_until,omitzero"`
}

// merchantPage is where a merchant manages an account.
const merchantPage = "https://mp.weixin.qq.com"

// needOf derives the merchant's task from a target's last error.
func needOf(t *rollout.LastError) apps.Need {
	if t == nil {
		return apps.NeedOther
	}
	switch {
	case t.Class == rollout.ClassNoPermission:
		return apps.NeedPermission
	case t.Class == rollout.ClassNoCategory:
		return apps.NeedCategory
	case codeNeeds[t.Code] != "":
		return codeNeeds[t.Code]
	case t.Class == "credential":
		return apps.NeedAuthorize
	default:
		return apps.NeedOther
	}
}

// codeNeeds are the merchant's tasks by errcode.
var codeNeeds = map[int64]apps.Need{
	48001: apps.NeedPermission, 50001: apps.NeedPermission, 61007: apps.NeedPermission,
	85008: apps.NeedCategory, 61040: apps.NeedPrivacy, 86002: apps.NeedProfile,
	42007: apps.NeedAuthorize, 43007: apps.NeedAuthorize, 61003: apps.NeedAuthorize, 61023: apps.NeedAuthorize,
}

// NeedsMerchant lists the merchants' tasks: for apps that left, lack something, or have a target
// that waits for its merchant. Tasks that a rollout waits for come first. Rollouts and targets
// that can't be read are a *ledger.BrokenError each; the list has all others.
func (f *Fleet) NeedsMerchant(ctx context.Context) ([]MerchantTask, error) {
	waiting, broken, err := f.merchantTargets(ctx)
	if err != nil {
		return nil, err
	}
	var list []MerchantTask
	for a, err := range f.apps.All(ctx) {
		if err != nil {
			return nil, err
		}
		task, waits := waiting[a.AppID]
		delete(waiting, a.AppID)
		if waits {
			if task.Label == "" {
				task.Label = a.Label
			}
			task.Name, task.Principal = a.Name, a.Principal
			list = append(list, task)
		}
		for _, need := range a.Needs() {
			if !waits || need != task.Need {
				list = append(list, MerchantTask{AppID: a.AppID, Label: a.Label, Name: a.Name, Principal: a.Principal, Need: need, Since: a.Changed.Time()})
			}
		}
	}
	for _, task := range waiting { // a plan may name apps that the registry lacks
		list = append(list, task)
	}
	for i, t := range list {
		list[i].Words = t.Need.Words()
		if !t.Need.Authorizes() {
			list[i].Link = merchantPage
		}
	}
	slices.SortFunc(list, func(a, b MerchantTask) int {
		return cmp.Or(-cmp.Compare(min(1, len(a.Rollout)), min(1, len(b.Rollout))), cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Need, b.Need))
	})
	return list, ledger.JoinBroken(broken)
}

// merchantTargets returns the tasks of targets that wait for their merchant, by app.
func (f *Fleet) merchantTargets(ctx context.Context) (map[string]MerchantTask, []*ledger.BrokenError, error) {
	active, err := f.d.Rollouts.Active(ctx)
	broken, err := ledger.Broken(err)
	if err != nil {
		return nil, nil, err
	}
	tasks := make(map[string]MerchantTask)
	for _, r := range active {
		if r.Counts.Sum(func(c rollout.Cell) bool { return c.Reason == rollout.ReasonMerchant }) == 0 {
			continue
		}
		for t, err := range f.d.Rollouts.Targets(ctx, r.ID) {
			if one := (*ledger.BrokenError)(nil); errors.As(err, &one) {
				broken = append(broken, one)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			if t.State != rollout.StateParked || t.Reason != rollout.ReasonMerchant {
				continue
			}
			task := MerchantTask{AppID: t.AppID, Label: t.Label, Need: needOf(t.LastError), Rollout: r.ID, Since: t.Since}
			if t.LastError != nil {
				task.Code, task.Text, task.Since = t.LastError.Code, t.LastError.Text, t.LastError.At
			}
			tasks[t.AppID] = task
		}
	}
	return tasks, broken, nil
}
