// Package wxclient calls the WeChat open platform on behalf of a third-party
// platform (第三方平台) and its authorized mini programs.
//
// It owns the wire: how a request is written, what counts as an answer, and which
// of our classes an error code belongs to. Words: the component is the third-party
// platform account, an app is one authorized mini program.
//
// What callers can rely on:
//   - An answer with an errcode other than 0 is an [*Error] with its [Class].
//   - A request that may have arrived, but whose answer is lost or unreadable, is an
//     [*OutcomeUnknownError]: read back before repeating anything that changes state.
//   - A request that certainly did not arrive is a [*NotSentError].
//   - A request refused by this package before the network is an [*InvalidRequestError].
//
// It must never sleep, log, follow a redirect, keep a token, or repeat a call. The one
// exception: after WeChat refuses a token, the source is told and the call goes out
// once more with the new token. Tokens and secrets never appear in an error.
package wxclient
