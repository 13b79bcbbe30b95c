package command

import (
	"github.com/wxrollout/wxrollout/internal/operator"
)

// CellWidth is how much of a last error's text a table shows.
const CellWidth = 80

// StateText is a state with the reason to park.
func StateText(r operator.Row) string {
	if r.Reason == "" {
		return string(r.State)
	}
	return string(r.State) + ": " + string(r.Reason)
}
