// Package appconfig holds the rules of the settings that travel with code: what a
// plan asks for (Spec), what an app has (Have), and the least that must be
// written to get from one to the other (Diff). It is pure: it calls nobody.
//
//	tmpl, err := appconfig.Parse(plan.Configure)      // once per plan
//	want, err := tmpl.Render(app)                     // with the app's columns
//	changes, err := appconfig.Diff(kind, want, have)  // none: right already
//
// Nothing that a merchant set by himself goes away unless the plan names it under
// remove, or says with set that nothing else may be there.
package appconfig
