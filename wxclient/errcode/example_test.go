package errcode_test

import (
	"fmt"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// A caller decides by the class of an errcode, and shows its meaning and the next step to people.
func Example() {
	fmt.Println(errcode.ClassOf(85085))
	meaning, next := errcode.Advice(85014, "/wxa/commit")
	fmt.Println(meaning != "" && next != "")
	fmt.Println(errcode.ClassOf(123456))
	// Output:
	// throttle-platform
	// true
	// unknown
}
