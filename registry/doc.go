// Package registry keeps the platform's credentials: the verify ticket, the component's
// token, and the tokens of every authorized app. It is the token source of wxclient.
//
// It owns their rows in Redis, which are sealed, and the rule that one process at a time
// renews a token while the others use what it stored. Two uncoordinated renewals would
// invalidate each other's tokens within five minutes.
//
// It must never log, never put a credential into an error, never overwrite a stored token
// because a renewal failed, and never attribute an expired token of the component to an app.
package registry
