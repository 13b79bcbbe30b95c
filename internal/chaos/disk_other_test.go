//go:build !linux

package chaos

import "errors"

func ignoreFileLimit() {}

func fill(int, int64) error { return errors.New("a full disk is only made on Linux") }

func free(int) error { return nil }
