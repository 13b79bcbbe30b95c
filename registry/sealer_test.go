package registry_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/registry"
)

func TestSealer(t *testing.T) {
	t.Parallel()
	now, later, alone := sealer(t, key1, ""), sealer(t, key2, key1), sealer(t, key2, "")
	rapid.Check(t, func(t *rapid.T) {
		place, value := rapid.String().Draw(t, "place"), rapid.String().Draw(t, "value")
		sealed := now.Seal(place, value)
		if sealed == now.Seal(place, value) {
			t.Fatal("sealed twice the same")
		}
		for _, s := range []*registry.Sealer{now, later} {
			if got, err := s.Open(place, sealed); err != nil || got != value {
				t.Fatalf("opened as %q, %v", got, err)
			}
		}
		raw, err := base64.StdEncoding.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		for name, open := range map[string]func() (string, error){
			"other place": func() (string, error) { return now.Open(place+"x", sealed) },
			"other key":   func() (string, error) { return alone.Open(place, sealed) },
			"damaged":     func() (string, error) { return now.Open(place, base64.StdEncoding.EncodeToString(raw)) },
			"cut":         func() (string, error) { return now.Open(place, sealed[:8]) },
			"no base64":   func() (string, error) { return now.Open(place, "?"+sealed) },
		} {
			if got, err := open(); !errors.Is(err, registry.ErrSeal) {
				t.Fatalf("%s: opened as %q, %v", name, got, err)
			}
		}
	})
}

func TestNewSealerRefusesKeys(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("short-key"))
	for _, tc := range [][2]string{{"", ""}, {short, ""}, {"not base64!", ""}, {key1, short}, {strings.Repeat(key1, 2), ""}} {
		_, err := registry.NewSealer(tc[0], tc[1])
		if err == nil {
			t.Errorf("%v was taken", tc)
			continue
		}
		if strings.Contains(err.Error(), short) {
			t.Errorf("a key is in the error: %v", err)
		}
	}
}

func ExampleSealer() {
	// Keys come from the environment: openssl rand -base64 32
	s, err := registry.NewSealer("MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed := s.Seal("wxr:{registry}:wx1:ticket#value", "ticket")
	opened, err := s.Open("wxr:{registry}:wx1:ticket#value", sealed)
	fmt.Println(opened, err)
	_, err = s.Open("elsewhere", sealed)
	fmt.Println(err)
	// Output:
	// ticket <nil>
	// a stored credential cannot be opened with this sealing key
}
