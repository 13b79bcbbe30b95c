package apps

import (
	"fmt"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Bounds of reading WeChat's list of apps.
const (
	// listingPasses is how often the list is read before its lack is reported.
	listingPasses = 3
	// listingIdle is how many pages in a row may bring no app that the pass has not seen.
	listingIdle = 3
)

// Listing is one pass over WeChat's list of apps, which is read by offsets. It tracks whether the pass
// covered the whole list: WeChat may answer short pages, empty ones in the middle, or another total
// while apps come and go.
type Listing struct {
	// Pass counts passes from 0.
	Pass int `json:"pass,omitempty"`
	// Offset is the row to ask for next, Total how many rows the last page said there are.
	Offset int `json:"offset"`
	Total  int `json:"total"`
	// Rows are the rows read in this pass, Seen the different apps among them.
	Rows int `json:"rows,omitempty"`
	Seen int `json:"seen,omitempty"`
	// Moved reports that the total changed during the pass.
	Moved bool `json:"moved,omitempty"`
	// Idle counts the last pages in a row that brought no new app.
	Idle int `json:"idle,omitempty"`
}

// Took is the listing after a page: its total, its rows, and how many apps of it are new to
// the pass. A short page is followed by the row after its last one.
func (l Listing) Took(total, rows, fresh int) Listing {
	l.Moved = l.Moved || l.Rows+l.Idle > 0 && total != l.Total
	l.Total = total
	l.Offset += rows
	l.Rows += rows
	l.Seen += fresh
	if l.Idle++; fresh > 0 {
		l.Idle = 0
	}
	return l
}

// More reports that the pass has pages to read.
func (l Listing) More() bool {
	return l.Rows+l.Idle == 0 || l.Offset < l.Total && l.Idle < listingIdle
}

// Again is the beginning of the next pass.
func (l Listing) Again() Listing { return Listing{Pass: l.Pass + 1} }

// Last reports that no pass follows this one.
func (l Listing) Last() bool { return l.Pass+1 >= listingPasses }

// Lack is why the finished pass is not known to be the whole list; "" if it is.
func (l Listing) Lack() string {
	var why string
	switch {
	case l.Offset < l.Total:
		why = fmt.Sprintf("the pages from row %d on bring no other app", l.Offset)
	case l.Moved:
		why = "the total changed while the list was read"
	case l.Seen < l.Total:
		why = "some rows repeat an app"
	default:
		return ""
	}
	return fmt.Sprintf("WeChat listed %s of %s apps: %s", human.Count(l.Seen), human.Count(l.Total), why)
}
