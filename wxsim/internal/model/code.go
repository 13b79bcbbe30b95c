package model

import (
	"slices"
	"time"
)

// Upload is the code that a commit uploads.
type Upload struct {
	Version, Desc string
	Pages         []string
	// Uses are the location apis that the template uses, Declares those of requiredPrivateInfos.
	Uses, Declares []string
}

// Commit replaces the trial version; its privacy check takes as long as given.
func (a *App) Commit(up Upload, check time.Duration, now time.Time) (code int) {
	if slices.ContainsFunc(up.Declares, a.Config.Privacy.Denied) {
		return 85312
	}
	tr := &Code{Version: up.Version, Desc: up.Desc, At: now, checked: now.Add(check), Pages: up.Pages, Private: up.Uses}
	for _, name := range up.Uses {
		if !slices.Contains(up.Declares, name) {
			tr.WithoutConf = append(tr.WithoutConf, "wx."+name)
		}
		if a.Config.Privacy.Denied(name) {
			tr.WithoutAuth = append(tr.WithoutAuth, "wx."+name)
		}
	}
	a.Trial = tr
	a.record.commits++
	return 0
}

// Checking reports that the privacy check of the last commit still runs.
func (a *App) Checking(now time.Time) bool { return a.Trial != nil && now.Before(a.Trial.checked) }
