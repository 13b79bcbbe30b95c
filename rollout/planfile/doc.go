// Package planfile reads what operators write: the plan of a rollout (YAML) and
// the list of apps it goes to (CSV). It finds every fault in one reading, each
// with file, line, key and value, and freezes what is sound into a rollout.Plan.
//
//	file, err := planfile.Read("spring.yaml") // err lists all faults
//	apps, err := file.ReadApps()              // the list, selected and in order
//	plan, err := file.Compile(file.Template.Pinned(), apps)
//
// The package must never call WeChat or Redis or look at the clock: the same plan
// and list give the same result, which Digest proves. It reads only the plan, and
// the files the plan names.
package planfile
