// Package callback receives WeChat's callbacks to a third-party platform: verify tickets,
// authorizations, audit results, and the ends of app creations.
//
// It serves the two callback URLs: it authenticates a callback (signature, time window, replay),
// decrypts and parses it, hands the [Event] to a [Sink], and answers "success".
//
// An event is a hint: callbacks get lost, repeat and name no version. Read back from WeChat before
// acting on one. The package never logs, and no ticket or code appears in an error or a rendering of
// an [Event].
//
//	h, err := callback.NewHandler(callback.Options{ComponentAppID: "wx...", Token: "...", AESKey: "...", Sink: sink})
//	mux.Handle("/wechat/", http.StripPrefix("/wechat", h)) // POST /wechat/auth, POST /wechat/app/$APPID$
package callback
