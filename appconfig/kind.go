package appconfig

import "slices"

// Kind is one group of settings, which is read with one call.
type Kind string

// The kinds, in the order in which they are looked at.
const (
	// Domains are the servers an app may talk to.
	Domains Kind = "domains"
	// Webview are the sites an app may show in a web-view.
	Webview Kind = "webview"
	// Testers may open the trial version.
	Testers Kind = "testers"
	// QRRules make ordinary QR codes open a page of the app.
	QRRules Kind = "qr_rules"
	// Library is the lowest base library the app runs on.
	Library Kind = "base_library"
	// Visibility is whether users can open the live version.
	Visibility Kind = "visibility"
	// Privacy is the privacy guideline.
	Privacy Kind = "privacy"
	// QRPublish makes QR code rules hold for every user.
	QRPublish Kind = "qr_publish"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Domains, Webview, Testers, QRRules, Library, Visibility, Privacy, QRPublish}
}

// Moment is when on the way of a target a kind is looked at.
type Moment string

// The moments.
const (
	// BeforeCommit is for all that WeChat takes at any time.
	BeforeCommit Moment = "before commit"
	// AfterCheck is for what WeChat refuses while the privacy detection of the
	// committed code runs, and forgets without committed code.
	AfterCheck Moment = "after check"
	// BeforeRelease looks once more at what a release would drop.
	BeforeRelease Moment = "before release"
	// Live is for what WeChat takes of a live app only.
	Live Moment = "live"
)

// Kinds are those of a moment, in order.
func (m Moment) Kinds() []Kind {
	switch m {
	case BeforeCommit:
		return []Kind{Domains, Webview, Testers, QRRules, Library, Visibility}
	case AfterCheck:
		return []Kind{Privacy}
	case BeforeRelease:
		return []Kind{Domains, Webview}
	case Live:
		return []Kind{QRPublish}
	default:
		return nil
	}
}

// Has tells whether the spec asks for a kind.
func (s Spec) Has(k Kind) bool {
	switch k {
	case Domains:
		return s.Domains != nil
	case Webview:
		return s.Webview != nil
	case Testers:
		return s.Testers != nil
	case QRRules:
		return s.QRRules != nil
	case Library:
		return s.Library != nil && s.Library.AtLeast+s.Library.Set != ""
	case Visibility:
		return s.Visibility != ""
	case Privacy:
		return s.Privacy != nil
	case QRPublish:
		return s.QRRules != nil && s.QRRules.Publish
	default:
		return false
	}
}

// At are the kinds of a moment that the spec asks for.
func (s Spec) At(m Moment) []Kind {
	return slices.DeleteFunc(slices.Clone(m.Kinds()), func(k Kind) bool { return !s.Has(k) })
}
