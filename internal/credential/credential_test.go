package credential_test

import (
	"errors"
	"testing"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/wxclient"
)

// missing is a missing token of an app, or of the platform ("").
type missing string

func (c missing) Error() string        { return "no token" }
func (c missing) CredentialOf() string { return string(c) }

func TestAtFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":        {nil, false},
		"offline":        {&credential.OfflineError{}, true},
		"the platform's": {errors.Join(errors.New("x"), missing("")), true},
		"an app's":       {&wxclient.NotSentError{Err: missing("wx1")}, false},
		"bad secret":     {&wxclient.Error{Code: 40125, Class: wxclient.ClassFatalConfig}, true},
		"busy":           {&wxclient.Error{Code: -1, Class: wxclient.ClassRetryBusy}, false},
	} {
		if got := credential.AtFault(tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
