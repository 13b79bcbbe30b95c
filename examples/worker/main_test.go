package main

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	if err := run(context.Background(), "", os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 2.0.0: 3 of 3 released
}
