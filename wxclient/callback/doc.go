// Package callback receives what WeChat pushes to a third-party platform: the verify
// ticket, authorizations, and audit results.
//
// It owns the two callback URLs: who may speak (signature, time window, replay), what was
// said (decryption, XML), and the plain answer "success". Every event goes to a [Sink].
//
// It must never trust a push for more than a hint: pushes get lost, repeat and name no
// version, so whoever receives an event reads back from WeChat before acting. It must
// never log, and no ticket or code appears in an error or a rendering of an [Event].
//
//	h, err := callback.NewHandler(callback.Options{ComponentAppID: "wx...", Token: "...", AESKey: "...", Sink: sink})
//	mux.Handle("/wechat/", http.StripPrefix("/wechat", h)) // POST /wechat/auth, POST /wechat/app/$APPID$
package callback
