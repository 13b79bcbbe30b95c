package planfile

import (
	"fmt"
	"strings"
)

// Reference is docs/plan.md: every key of a plan.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := ""
	for _, k := range Keys() {
		if top, _, _ := strings.Cut(k.Path, "."); strings.TrimSuffix(top, "[]") != section {
			section = strings.TrimSuffix(top, "[]")
			fmt.Fprintf(&b, "\n## %s\n", section)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s", k.Path, strings.TrimPrefix(sentence(k.Doc)+"\n\n", "\n\n"))
		fmt.Fprintf(&b, "- Type: %s", k.Type)
		if k.Unit != "" {
			b.WriteString("; " + k.Unit)
		}
		if k.Default != "" {
			b.WriteString("\n- Default: " + k.Default)
		}
		if k.Example != "" {
			fmt.Fprintf(&b, "\n- Example: `%s`", strings.ReplaceAll(k.Example, "\n", "`, `"))
		}
		if fault := k.Error(); fault != "" {
			fmt.Fprintf(&b, "\n- Wrong: `%s` gives `%s`", strings.ReplaceAll(k.Wrong, "\n", "`, `"), fault)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

const referenceHead = `# The plan file

Every key of a plan: its type, unit, default, an example, and the error that a wrong value gets. ` + "`enqueue explain plan.waves`" + ` prints
the same. This page is generated from the table in rollout/planfile/keys.go (` + "`go test ./rollout/planfile -run TestReference -update`" + `).

` + "`enqueue plan --sample`" + ` prints a commented plan to start with. A plan is one YAML document of at most 256 KiB, without anchors, aliases,
merges and tags. Every fault is reported at once, with file, line, key and value; a misspelled key gets a suggestion. ` + "`enqueue plan`" + ` changes
nothing, ` + "`enqueue apply`" + ` does what it has shown.
`
