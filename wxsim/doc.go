// Package wxsim is a WeChat Open Platform one can run: the calls a third-party platform (第三方平台) needs to upgrade
// mini programs, with their states, codes, quotas, tokens and pushes, and levers to make them misbehave.
//
// It owns its own reading of the API and imports no other package of this module, so that one misreading cannot hide in
// the client and in the simulator at once. It must never be lenient: where the real service answers an error code, the
// simulator does too, and a path it does not play is a 404 with a reason.
//
// A Sim is an http.Handler:
//
//	sim := wxsim.New(wxsim.Options{Apps: 20, Seed: 1, RejectRate: 0.1})
//	defer sim.Close()
//	srv := httptest.NewServer(sim)
//	defer srv.Close()
//	// point the client at srv.URL with wxsim.DefaultComponentAppID, DefaultSecret and DefaultTicket
//	// ... and afterwards:
//	if err := sim.Books().Check(); err != nil { ... }
//
// # Chance
//
// Every random decision is a pure hash of (seed, appid, kind of decision, how many of that kind this app has had). What
// happens to an app therefore does not depend on the order in which concurrent calls of other apps arrive.
//
// # Time
//
// States are computed from timestamps when they are looked at: nothing ticks. Only pushes need timers, which come from
// Options.Clock. Latency and slow answers always take real time, also under a ManualClock.
//
// # Where the documents are silent
//
// The simulator decides, and says so here. A commit is accepted while an audit runs and does not disturb it. A later
// commit does not block the release of an approved version. Neither withdrawal nor rejection refunds quota. A second
// release of a published version answers Quirks.ReleaseTwice (85052). Gray release at 100 % publishes, unless
// Quirks.GrayNeedsRelease says otherwise. Withdrawing when nothing is in audit answers 87012. An app without any audit
// answers 85012 to get_latest_auditstatus. A user_version longer than 64 characters answers 85015.
//
// A change of the component's domains that is not published reaches no app. Of the app's domains, third_domain is what was
// set through the component, and a release takes from it what is not registered any more; effective_domain is what a release
// at this moment would leave. The fifty-first change of a month answers 86102 on an app and 45104 on the component, a
// domain that a hundred apps have directly 85016. Confirm files lie where PlaceFile put them. Editing a published QR code
// rule takes it back until it is published again, and the hundred-and-first publication of a month answers 89030. An
// application for a location api while another runs answers 85050. verifybetaweapp of an app that is no trial one answers
// 48001. A trial app may be submitted once it is renamed. The guideline of a commit is not demanded by submit_audit.
//
// # Broken connections
//
// A lost reply is a connection that closes without a byte of answer. Go's own HTTP client sends a GET again by itself
// when that happens on a kept-alive connection, and undocodeaudit, revertcoderelease and revertgrayrelease are GETs that
// write: a client that uses them must see to it that they are not repeated behind its back.
package wxsim
