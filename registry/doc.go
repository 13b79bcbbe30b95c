// Package registry keeps the platform's credentials: the verify ticket, the component's
// token, and the tokens of every authorized app. It is the token source of wxclient.
//
// It owns their rows in Redis, which are sealed, and the rule that one process at a time
// renews a token while the others take what it stored. Two uncoordinated renewals would
// kill each other's tokens within five minutes.
//
// It must never log, never put a credential into an error, never overwrite a stored token
// because a renewal failed, and never blame an app for an expired token of the component.
//
//	sealer, err := registry.NewSealer(os.Getenv("WXROLLOUT_SEAL_KEY"), "")
//	tokens, err := registry.New(registry.Options{Secret: secret, Sealer: sealer, Client: client, Redis: rdb})
//	client = client.WithTokens(tokens)
package registry
