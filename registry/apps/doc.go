// Package apps remembers the apps that authorized the platform: who they are, what
// operators call them, what WeChat said of them last, and what their merchants must
// do. Plans choose their targets from it, and the standing baseline its newcomers.
//
// One record per app lies in one hash, and every change of a record is made against
// the record that was read. It must never hold a credential, call WeChat, or forget
// an app: one that left is marked so.
//
//	store := apps.New(rdb)
//	changed, err := store.Change(ctx, ids, func(a *apps.App) bool { return a.Join(at) })
//	for a, err := range store.All(ctx) { ... }
package apps
