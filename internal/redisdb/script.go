// Package redisdb makes Redis scripts of embedded Lua files, reads their replies and walks hashes.
package redisdb

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Script joins head and files into one script, the operation last. It panics if a file is missing:
// a package's files are embedded, so that is a fault of the build and shows at start.
func Script(head string, files fs.FS, names ...string) *redis.Script {
	var text strings.Builder
	text.WriteString(head)
	for _, name := range names {
		part, err := fs.ReadFile(files, name)
		if err != nil {
			panic(fmt.Sprintf("embedded script: %v", err))
		}
		text.Write(part)
	}
	return redis.NewScript(text.String())
}
