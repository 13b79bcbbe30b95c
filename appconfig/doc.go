// Package appconfig holds all that is known about app configuration: what WeChat has configured
// for an app and a plan's configure section can change. Each kind is one file with its part of the
// plan, its rules, its calls and its words; [Kinds] lists them, and everything else works on that
// list.
//
//	tmpl, err := appconfig.Parse(plan.Configure)    // once per plan
//	want, err := tmpl.Render(app)                   // with the app's columns
//	for _, kind := range want.At(appconfig.BeforeCommit) {
//		editor, err := kind.Open(client, want)
//		err = editor.Read(ctx)
//		changes, err := editor.Changes()        // the least writes; none if all is right
//		err = editor.Write(ctx, changes[0])     // then Read again
//	}
//
// The rules are pure functions. Only Read and Write call WeChat, through a port of the kind's own.
//
// A merchant's own configuration stays unless the plan names it under remove, or replaces the
// whole list with set.
package appconfig
