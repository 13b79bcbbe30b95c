package apps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Phase is what a sync does.
type Phase string

// The phases, in their order.
const (
	// PhaseIdle: no sync is under way.
	PhaseIdle Phase = ""
	// PhaseList: reading WeChat's list.
	PhaseList Phase = "list"
	// PhaseMissing: asking about apps that the list lacks.
	PhaseMissing Phase = "missing"
	// PhaseRead: asking about apps that were never read.
	PhaseRead Phase = "read"
)

// Cursor is how far the sync under way is, and what is known of the last one.
type Cursor struct {
	Phase Phase `json:"phase"`
	// Listing is how far the reading of WeChat's list is.
	Listing
	// Number counts passes over WeChat's list: one or more in each sync.
	Number int64 `json:"number"`
	// Began is when the sync under way began, By who began it.
	Began Seconds `json:"began"`
	By    string  `json:"by"`
	// Full reads every app again.
	Full bool `json:"full"`
	// Listed is when a list was last read completely; 0 if none ever was.
	Listed Seconds `json:"listed"`
	// Short is what the list of the last sync lacked, with the counts; "" if nothing.
	Short string `json:"short,omitempty"`
	// Done is when a sync last came to its end.
	Done Seconds `json:"done"`
}

const fieldCursor = "cursor"

// Cursor reads how far the sync is.
func (s *Store) Cursor(ctx context.Context) (Cursor, error) {
	var c Cursor
	text, err := s.rdb.HGet(ctx, keySync, fieldCursor).Bytes()
	if errors.Is(err, redis.Nil) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read how far the sync of apps is: %w", err)
	}
	return c, nil
}

// SetCursor stores how far the sync is; whoever does it holds the sync's lease.
func (s *Store) SetCursor(ctx context.Context, c Cursor) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := s.rdb.HSet(ctx, keySync, fieldCursor, text).Err(); err != nil {
		return fmt.Errorf("store how far the sync of apps is: %w", err)
	}
	return nil
}
