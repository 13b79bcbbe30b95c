package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

// Schema is the version of the data in Redis that this program reads and writes: the ledger, the app
// registry, the tokens and the pools. docs/upgrades.md has the rules of a change.
const Schema = 1

// SchemaError reports that the data in Redis has another version than this program's.
type SchemaError struct {
	// Have is what Redis holds, Want this program's version.
	Have string
	Want int
}

func (e *SchemaError) Error() string {
	n, err := strconv.Atoi(e.Have)
	next := "restore the key, or delete it if the data has version 1"
	switch {
	case err == nil && n > e.Want:
		next = "run the version of wxrollout that wrote it, or a newer one"
	case err == nil && n > 0:
		next = "upgrade it as docs/upgrades.md describes, or run the version of wxrollout that wrote it"
	}
	return fmt.Sprintf("the data in Redis has version %q (%s), this program reads and writes version %d: %s", e.Have, db.KeySchema, e.Want, next)
}

// CheckSchema returns a *SchemaError if the data in Redis has another version than Schema. Data without a
// version has version 1; the first caller that may write stores it.
func CheckSchema(ctx context.Context, rdb redis.UniversalClient) error {
	have, err := rdb.Get(ctx, db.KeySchema).Result()
	if errors.Is(err, redis.Nil) && Schema == 1 {
		// A reader must work while Redis refuses writes, and without the right to write.
		err = db.Failed(rdb.SetNX(ctx, db.KeySchema, Schema, 0).Err(), "store the version of the data")
		if errors.As(err, new(*UnavailableError)) {
			return nil
		}
		return err
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return &SchemaError{Have: "not a string", Want: Schema}
	}
	if err != nil {
		return db.Failed(err, "read the version of the data")
	}
	if have != strconv.Itoa(Schema) {
		return &SchemaError{Have: have, Want: Schema}
	}
	return nil
}
