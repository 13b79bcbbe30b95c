// Package apps stores one record per app that authorized the platform: its labels,
// WeChat's last report of it, and what its merchant must do. Plans choose their targets
// from it, and the baseline applies to newcomers.
//
// All records are in one hash, and each change of a record is made against the version
// that was read. The package holds no credential and does not call WeChat. Records are
// never deleted: an app that left is marked.
//
//	store := apps.New(rdb)
//	changed, err := store.Change(ctx, ids, func(a *apps.App) bool { return a.Join(at) })
//	for a, err := range store.All(ctx) { ... }
package apps
