// Package planfile reads the plan of a rollout (YAML). It finds every fault in one reading, each with
// file, line, key and value, and freezes a sound plan into a rollout.Plan.
//
//	file, err := planfile.Read("spring.yaml") // err lists all faults
//	apps, err := file.ReadApps()              // the list, selected and in order
//	plan, err := file.Compile(file.Template.Pinned(), apps)
//
// The package must never call WeChat or Redis or read the clock: the same plan and list give the same
// result, which Digest proves. It reads only the plan, and the files that the plan names.
package planfile
