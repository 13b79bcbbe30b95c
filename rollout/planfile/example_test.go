package planfile_test

import (
	"fmt"

	"github.com/wxrollout/wxrollout/rollout/planfile"
)

func ExampleParse() {
	_, err := planfile.Parse("plan.yaml", []byte(`name: spring
template: {id: 118, vresion: 3.9.0}
targets: {file: apps.csv}
audit:
  in_audit: wiat
`), nil)
	fmt.Println(err)
	// Output:
	// plan.yaml:2: template.version: is missing: want what users see, such as 3.9.0
	// plan.yaml:2: template.vresion: unknown key; did you mean version?
	// plan.yaml:5: audit.in_audit: "wiat": want wait, withdraw or skip; did you mean wait?
}

func ExampleFile_Freeze() {
	file, err := planfile.Parse("plan.yaml", []byte(`name: spring
template: {id: 118, version: 3.9.0}
targets: {all: true}
waves:
- {name: canary, size: 20, hold: approve}
- {name: early, size: 10%}
- {name: rest}
`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := file.Freeze(file.Template.Pinned(), 3000)
	for _, w := range plan.Waves {
		fmt.Println(w.Name, w.Size)
	}
	fmt.Println(err)
	// Output:
	// canary 20
	// early 300
	// rest 2680
	// <nil>
}
