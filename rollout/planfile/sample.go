package planfile

import _ "embed"

//go:embed sample.yaml
var sample string

// Sample is a commented plan to begin with; it is sound once apps.csv is beside it.
func Sample() []byte { return []byte(sample) }
