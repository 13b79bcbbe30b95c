package appconfig_test

import (
	"fmt"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// Parse reads the configure section of a plan; Render gives what one app shall have.
func ExampleParse() {
	template, err := appconfig.Parse(`{"domains": {"request": {"add": ["https://{{.label}}.example.com"]}}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	want, err := template.Render(extjson.App{AppID: "wx1", Label: "north"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, kind := range want.Kinds() {
		fmt.Println(want.AppID, kind.Name)
	}
	// Output:
	// wx1 domains
}
