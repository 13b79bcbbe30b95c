// Package wxclient calls the WeChat open platform on behalf of a third-party
// platform (第三方平台) and its authorized mini programs.
//
// It writes requests, reads replies and classifies error codes. The component is the third-party
// platform account, an app is one authorized mini program.
//
// Guarantees:
//   - An answer with an errcode other than 0 is an [*Error] with its [Class].
//   - A request that may have arrived, but whose answer is lost or unreadable, is an
//     [*OutcomeUnknownError]: read back before repeating anything that changes state.
//   - A request that certainly did not arrive is a [*NotSentError].
//   - A request refused by this package before the network is an [*InvalidRequestError].
//
// It never sleeps, logs, follows a redirect, keeps a token, or repeats a call, with one exception:
// after WeChat refuses a token, the client reports that to the source and repeats the call once with
// the new token. Tokens and secrets never appear in an error.
package wxclient
