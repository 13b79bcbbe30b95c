package app

import (
	"context"
	"fmt"
	"io"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/config"
)

// NewLog makes the log of the settings. Its writer gets one JSON object a line, or colored text for people.
// Messages that repeat within a second are sampled.
func NewLog(c *config.Config, w io.Writer) zerolog.Logger {
	if c.LogFormat == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05"}
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel // Load has refused it before
	}
	return zerolog.New(w).Level(level).Hook(newSamples()).With().Timestamp().Logger()
}

// LogRedis forwards what go-redis logs, of all clients of the process.
func LogRedis(log zerolog.Logger) { redis.SetLogger(redisLog{log}) }

// redisLog forwards go-redis's log lines.
type redisLog struct{ log zerolog.Logger }

// Printf implements go-redis's logger.
func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Warn().Str("line", fmt.Sprintf(format, v...)).Msg("go-redis")
}
