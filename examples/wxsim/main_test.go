package main

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// created wxe220a8397b1dcdaf
	// audit of 2.0.0: passed
	// live: 2.0.0
}
