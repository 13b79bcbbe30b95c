package command

import (
	"github.com/wxrollout/wxrollout/internal/operator"
)

// CellWidth is the width to which tables cut long texts.
const CellWidth = 80

// StateText is the state of a target with the reason why it is parked.
func StateText(r operator.Row) string {
	if r.Reason == "" {
		return string(r.State)
	}
	return string(r.State) + ": " + string(r.Reason)
}
