package wire

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

const (
	maxMsgRunes     = 300
	maxSnippetRunes = 80
	redacted        = "[redacted]"
	// minSecretLen keeps a very short "secret" of a test set-up from eating every text.
	minSecretLen = 4
)

var (
	// namedSecret finds key=value and "key":"value" pairs whose key names a secret.
	namedSecret = regexp.MustCompile(`(?i)((?:access_token|refresh_token|secret|ticket|auth_code|authorization_code|pre_auth_code)["']?\s*[=:]\s*["']?)[^\s"'&,;}]+`)
	// taggedSecret finds the prefixed form of tickets, refresh tokens and codes.
	taggedSecret = regexp.MustCompile(`(?i)(?:ticket|refreshtoken|queryauthcode|preauthcode)@@@[^\s"'&,;}]+`)
	// longRun finds what can only be a token: nothing else in a message is this long.
	longRun = regexp.MustCompile(`[A-Za-z0-9_\-+/=]{64,}`)
)

// scrub removes the given secrets and everything that looks like one from text.
func scrub(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) < minSecretLen {
			continue
		}
		text = strings.ReplaceAll(text, secret, redacted)
		text = strings.ReplaceAll(text, url.QueryEscape(secret), redacted)
	}
	text = namedSecret.ReplaceAllString(text, "${1}"+redacted)
	text = taggedSecret.ReplaceAllString(text, redacted)
	return longRun.ReplaceAllString(text, redacted)
}

// tidy scrubs text, puts it on one line and cuts it to limit runes.
func tidy(text string, secrets []string, limit int) string {
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, scrub(text, secrets))
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\uFFFD"))
	if runes := []rune(line); len(runes) > limit {
		line = string(runes[:limit]) + "..."
	}
	return line
}

// sanitize removes the URL, and with it the token, from an error of the HTTP client.
func sanitize(err error, secrets []string) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	text := err.Error()
	clean := scrub(text, secrets)
	if clean == text {
		return err
	}
	return &scrubbedError{text: clean, cause: err}
}

// scrubbedError stands for an error whose text held a secret. It answers errors.Is and
// Timeout like its cause, but never hands the cause out.
type scrubbedError struct {
	text  string
	cause error
}

func (e *scrubbedError) Error() string        { return e.text }
func (e *scrubbedError) Is(target error) bool { return errors.Is(e.cause, target) }
func (e *scrubbedError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.cause, &t) && t.Timeout()
}
