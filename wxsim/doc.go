// Package wxsim simulates the WeChat Open Platform: the calls that a third-party platform (第三方平台) needs to upgrade
// mini programs, with their states, codes, quotas, tokens and callbacks, and levers that make them fail.
//
// It implements its own reading of the API and imports no other package of this module but its internal ones, so that one
// misreading cannot hide in the client and in the simulator. It is never lenient: where the real service answers an
// error code, the simulator does too, and a path that it does not serve is a 404 with a reason.
//
// A Sim is an http.Handler: serve it, point the client under test at it with DefaultComponentAppID, DefaultSecret and
// DefaultTicket, and let Books judge the client afterwards. See the example.
//
// # Chance
//
// Every random decision is a pure hash of (seed, appid, kind of decision, number of such decisions on this app before).
// The fate of an app therefore does not depend on the order in which concurrent calls of other apps arrive.
//
// # Time
//
// States are computed from timestamps when they are read. Only callbacks need timers, which come from Options.Clock.
// Latency and slow answers always take real time, also under a ManualClock.
//
// # Where the documents are silent
//
// The simulator chooses, and documents its choice here. A commit is accepted while an audit runs and does not disturb it.
// A later commit does not block the release of an approved version. Neither withdrawal nor rejection refunds quota. A
// second release of a published version answers Quirks.ReleaseTwice (85052). Gray release at 100 % publishes, unless
// Quirks.GrayNeedsRelease is set. Withdrawing when nothing is in audit answers 87012. An app without any audit answers
// 85012 to get_latest_auditstatus. A user_version longer than 64 characters answers 85015.
//
// A change of the component's domains that is not published reaches no app. Of the app's domains, third_domain is what was
// set through the component, and a release removes from it what is no longer on the component's list; effective_domain is
// what a release at this moment would leave. The fifty-first change of a month answers 86102 on an app and 45104 on the
// component, a domain that a hundred apps have set directly 85016. Confirm files are where PlaceFile put them. Editing a
// published QR code rule takes it back until it is published again, and the hundred-and-first publication of a month
// answers 89030. An application for a location api while another runs answers 85050. verifybetaweapp of an app that is
// not a trial app answers 48001. A trial app may be submitted once it is renamed. submit_audit does not demand the
// guideline of a commit.
//
// # Broken connections
//
// A lost reply is a connection that closes without a byte of answer. Go's HTTP client repeats a GET when that happens on a
// kept-alive connection, and undocodeaudit, revertcoderelease and revertgrayrelease are GETs that write: a client that
// uses them must prevent the repetition.
package wxsim
