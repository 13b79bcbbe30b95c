package classify

// Errcodes that mean more than their class.
const (
	codeBusy            = -1
	codePrivacyChecking = 61039
	codeMinuteUsed      = 45011
	codeDayUsed         = 45009
	codeMonthUsed       = 45040
	codeQuotaUsed       = 85085   // the platform's submissions of the month are used up
	codePunished        = 86008   // provider punished: no submission of any app
	codeNoUpdates       = 86010   // provider may not submit updates
	codeUndoQuota       = 87013   // withdrawals of the day
	codeNotListed       = 85018   // a domain that the platform's list lacks
	codeOperationRuns   = 9402202 // an earlier operation on the app still runs: it ends in seconds
	codeOperationRuns2  = 9402205
	codeNoCategory      = 85008
	codeNoProfile       = 86002
)

// merchantCodes last until the merchant acts: nothing of ours is wrong, and repeating does not help.
var merchantCodes = []int64{
	42007, // the owner changed the password: authorize again
	43007, // authorization needed
	61003, // no longer authorized
	61007, // permission set 18 not granted
	61023, // refresh token invalid: authorize again
	codeNoCategory,
	codeNoProfile,
}

// permissionCodes may mean that the merchant took back the permission that every code call needs.
var permissionCodes = []int64{48001, 50001}

// Penalty reports whether an errcode means that WeChat punishes the platform: no app of any rollout
// is submitted.
func Penalty(code int64) bool { return code == codePunished || code == codeNoUpdates }

// Penalties are the errcodes by which WeChat punishes the whole platform.
func Penalties() []int64 { return []int64{codePunished, codeNoUpdates} }
