package model

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of an item's fields.
const (
	maxTags  = 10
	maxTag   = 20 // characters
	maxTitle = 32 // characters
)

// Submission is the material of submit_audit.
type Submission struct {
	Items []Item
	// Media are the media ids of preview_info.
	Media []string
	// PrivacyNotUsed is privacy_api_not_use; UGCDeclared reports that ugc_declare is present.
	PrivacyNotUsed, UGCDeclared bool
}

// Item is one entry of item_list. Nil differs from zero. An empty address is absent.
type Item struct {
	FirstClass  *string `json:"first_class"`
	SecondClass *string `json:"second_class"`
	FirstID     *int64  `json:"first_id"`
	SecondID    *int64  `json:"second_id"`
	ThirdClass  string  `json:"third_class"`
	ThirdID     int64   `json:"third_id"`
	Address     string  `json:"address"`
	Tag         string  `json:"tag"`
	Title       string  `json:"title"`
}

// Submit opens an audit of the trial version. The state of the app is checked first, then its material, and the quota
// last: only an accepted submission costs a unit.
func (a *App) Submit(sub Submission, now time.Time) (au *Audit, code int) {
	tr := a.Trial
	switch last := a.Latest(); {
	case a.MiniGame:
		return nil, 87006
	case !a.profile:
		return nil, 86002
	case strings.HasSuffix(a.Nick, trialSuffix):
		return nil, 86020
	case tr == nil || tr.Foreign:
		return nil, 85086
	case now.Before(tr.checked):
		return nil, 61039
	case last != nil && last.open(now):
		return nil, 85009
	case !a.HasCategory:
		return nil, 85008
	}
	if code := sub.check(a, now); code != 0 {
		return nil, code
	}
	if !a.world.quota.take(now) {
		return nil, 85085
	}
	au = a.accept(tr, now)
	a.needsUGC = false
	a.recordSubmission(au, now)
	a.watch(au, now)
	return au, 0
}

func (sub Submission) check(a *App, now time.Time) (code int) {
	for _, it := range sub.Items {
		if code := it.check(a.Category, a.Trial.Pages); code != 0 {
			return code
		}
	}
	for _, id := range sub.Media {
		if at, known := a.media[id]; !known || now.Sub(at) >= mediaLife {
			return 85092
		}
	}
	switch {
	case a.needsUGC && !sub.UGCDeclared:
		return 85094
	case len(a.Trial.WithoutAuth) > 0, len(a.Trial.WithoutConf) > 0 && !sub.PrivacyNotUsed:
		return 61040
	}
	return 0
}

func (it Item) check(cat Category, pages []string) (code int) {
	if it.FirstClass == nil || it.SecondClass == nil || it.FirstID == nil || it.SecondID == nil ||
		*it.FirstClass == "" || *it.SecondClass == "" {
		return 85010
	}
	tags := strings.Fields(it.Tag)
	switch {
	case Category{*it.FirstClass, *it.SecondClass, *it.FirstID, *it.SecondID} != cat || it.ThirdClass != "" || it.ThirdID != 0:
		return 85008
	case it.Address != "" && !slices.Contains(pages, it.Address):
		return 85007
	case len(tags) > maxTags || slices.ContainsFunc(tags, func(t string) bool { return utf8.RuneCountInString(t) > maxTag }):
		return 85006
	case utf8.RuneCountInString(it.Title) > maxTitle:
		return 85011
	}
	return 0
}
