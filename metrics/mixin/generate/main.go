// Command generate writes the dashboards of metrics/mixin from their description in this folder:
//
//	go run . ../dashboards
//
// It is a separate module, so that the product doesn't depend on Grafana's SDK. The files it
// writes are committed; make dashboards writes them again and CI compares.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . FOLDER")
		os.Exit(2)
	}
	plugins.RegisterDefaultPlugins() // the panels' types, for reading back
	for _, b := range []board{fleet, rollouts, quota, wechat, workers} {
		if err := write(os.Args[1], b); err != nil {
			fmt.Fprintf(os.Stderr, "generate %s: %v\n", b.file, err)
			os.Exit(1)
		}
	}
}

// write builds a board, reads it back strictly, and writes its file.
func write(dir string, b board) error {
	built, err := b.builder().Build()
	if err != nil {
		return err
	}
	numberPanels(&built)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(built); err != nil {
		return err
	}
	var back dashboard.Dashboard
	// The SDK returns an empty list of faults, which is not nil, if there are none.
	if err := back.UnmarshalJSONStrict(text.Bytes()); err != nil && err.Error() != "" {
		return fmt.Errorf("read what was built: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, b.file+".json"), text.Bytes(), 0o644)
}

// numberPanels gives every panel its place in the board as its id, which links to it need.
func numberPanels(d *dashboard.Dashboard) {
	for i, p := range d.Panels {
		id := uint32(i + 1)
		if p.Panel != nil {
			p.Panel.Id = &id
		} else {
			p.RowPanel.Id = id
		}
	}
}
