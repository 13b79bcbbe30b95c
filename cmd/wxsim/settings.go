package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wxrollout/wxrollout/internal/outfile"
)

// settingsFile is what writeSettings writes; its secrets are files beside it.
const settingsFile = `# Settings of a worker and enqueue for the simulator, written by wxsim. None of the secrets is real.
current: wxsim
contexts:
  wxsim:
    redis-url: %s
    wechat-url: http://%s
    component-appid: %s
    component-secret-file: secrets/component-secret
    component-ticket-file: secrets/component-ticket
    callback-token-file: secrets/callback-token
    callback-aes-key-file: secrets/callback-aes-key
    seal-key-file: secrets/seal-key
    # Audits take seconds here, not days, and no rate of calls is limited.
    apps-rate: 200
    settle: 3s
    privacy-poll: 1s
    verdict-poll: 1s
    quota-poll: 2s
    busy-base: 1s
    busy-cap: 4s
`

// writeSettings writes wxrollout.yaml and the files of its secrets to a folder. A sealing key that is there stays:
// it opens what Redis holds.
func writeSettings(dir, addr, redisURL string, c credentials) error {
	secrets := filepath.Join(dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	seal := make([]byte, 32)
	_, _ = rand.Read(seal) // never fails
	for name, text := range map[string]string{
		"component-secret": c.secret, "component-ticket": c.ticket, "callback-token": c.token, "callback-aes-key": c.aesKey,
		"seal-key": base64.StdEncoding.EncodeToString(seal),
	} {
		path := filepath.Join(secrets, name)
		if _, err := os.Stat(path); err == nil && name == "seal-key" {
			continue
		}
		if err := writeFile(path, text+"\n"); err != nil {
			return fmt.Errorf("write the settings: %w", err)
		}
	}
	// The settings come last: a script that waits for them finds the secrets.
	path := filepath.Join(dir, "wxrollout.yaml")
	if err := writeFile(path, fmt.Sprintf(settingsFile, redisURL, addr, c.appID)); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	return nil
}

func writeFile(path, text string) error {
	return outfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
