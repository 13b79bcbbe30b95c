package apps

// Need is something that only an app's merchant can do.
type Need string

// The needs.
const (
	// NeedAuthorize: the authorization is gone.
	NeedAuthorize Need = "authorize"
	// NeedPermission: permission set 18 is not granted.
	NeedPermission Need = "permission"
	// NeedAccount: the account is canceled, banned or frozen.
	NeedAccount Need = "account"
	// NeedCategory: there is no approved category.
	NeedCategory Need = "category"
	// NeedProfile: name, icon or introduction are not complete.
	NeedProfile Need = "profile"
	// NeedPrivacy: the code uses privacy apis that the app has no right to.
	NeedPrivacy Need = "privacy"
	// NeedOther: WeChat's own words say what.
	NeedOther Need = "other"
)

// CodeSet is the permission set "development and data analysis", which every code
// call needs.
const CodeSet = 18

// Account states that nothing can be done for an app in.
const (
	statusCanceled = 14
	statusBanned   = 16
	statusFrozen   = 19
)

// Needs is what the merchant must do, the most urgent first, by what WeChat said
// last. An app that was never read, and an official account, need nothing.
func (a App) Needs() []Need {
	switch {
	case a.State == StateLeft:
		return []Need{NeedAuthorize}
	case a.Read == 0 || !a.MiniProgram:
		return nil
	case a.Status == statusCanceled || a.Status == statusBanned || a.Status == statusFrozen:
		return []Need{NeedAccount}
	}
	var needs []Need
	if !a.Has(CodeSet) {
		needs = append(needs, NeedPermission)
	}
	if len(a.Categories) == 0 {
		needs = append(needs, NeedCategory)
	}
	return needs
}

// Authorizes reports whether an authorization link is what to send.
func (n Need) Authorizes() bool { return n == NeedAuthorize || n == NeedPermission }

// Words say what the merchant must do.
func (n Need) Words() string {
	switch n {
	case NeedAuthorize:
		return "authorize the platform again"
	case NeedPermission:
		return "authorize again and grant permission set 18, development and data analysis"
	case NeedAccount:
		return "settle the account's state with WeChat: it is canceled, banned or frozen"
	case NeedCategory:
		return "add a service category at mp.weixin.qq.com and have it approved"
	case NeedProfile:
		return "complete the app's name, icon and introduction at mp.weixin.qq.com"
	case NeedPrivacy:
		return "apply at mp.weixin.qq.com for the privacy apis that WeChat names"
	default:
		return "see WeChat's answer"
	}
}
