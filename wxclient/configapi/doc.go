// Package configapi holds the calls that read and change app configuration: domains, testers, QR code
// rules, visibility, base library, privacy guideline, and the domains of the platform itself.
//
// [Calls] is embedded in wxclient.Client, which makes it; errors are those of package wxclient.
package configapi

import "github.com/wxrollout/wxrollout/wxclient/internal/wire"

// Calls makes the calls on app configuration. Use the methods through wxclient.Client.
type Calls struct{ wire *wire.Client }

// New returns the calls of a client's connection.
func New(w *wire.Client) Calls { return Calls{wire: w} }
