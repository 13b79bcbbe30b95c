package registry

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

const sealKeyLen = 32

// ErrSeal means that a stored value cannot be opened with the keys at hand: it was sealed with
// another key, moved, or damaged.
var ErrSeal = errors.New("a stored credential cannot be opened with this sealing key")

// Sealer encrypts credentials for storage with AES-256-GCM. A sealed value is base64 of: one
// byte that names the key, the nonce, the ciphertext.
type Sealer struct {
	keys []sealKey // current first
}

type sealKey struct {
	id   byte
	aead cipher.AEAD
}

// NewSealer returns a Sealer. current and previous are 32 bytes in base64. previous may be empty;
// it only opens. To change the key: start every process with both, then call Tokens.Reseal.
func NewSealer(current, previous string) (*Sealer, error) {
	s := &Sealer{}
	for _, key := range []struct{ name, text string }{{"current", current}, {"previous", previous}} {
		if key.text == "" && key.name == "previous" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(key.text)
		if err != nil || len(raw) != sealKeyLen {
			return nil, fmt.Errorf("registry options: the %s sealing key is not base64 of %d bytes (openssl rand -base64 32)", key.name, sealKeyLen)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("registry options: the %s sealing key: %w", key.name, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("registry options: the %s sealing key: %w", key.name, err)
		}
		s.keys = append(s.keys, sealKey{id: sha256.Sum256(raw)[0], aead: aead})
	}
	return s, nil
}

// Seal encrypts a value for one place; it opens only there.
func (s *Sealer) Seal(place, value string) string {
	key := s.keys[0]
	out := make([]byte, 1+key.aead.NonceSize(), 1+key.aead.NonceSize()+len(value)+key.aead.Overhead())
	out[0] = key.id
	nonce := out[1:]
	_, _ = rand.Read(nonce) // crypto/rand never returns an error, it ends the program
	return base64.StdEncoding.EncodeToString(key.aead.Seal(out, nonce, []byte(value), []byte(place)))
}

// Open decrypts a value sealed for the same place by the current or the previous key, or
// returns ErrSeal.
func (s *Sealer) Open(place, sealed string) (string, error) {
	value, _, err := s.open(place, sealed)
	return value, err
}

// open also returns which key opened it: 0 is the current one.
func (s *Sealer) open(place, sealed string) (value string, key int, err error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", 0, ErrSeal
	}
	for i, key := range s.keys {
		head := 1 + key.aead.NonceSize()
		if len(raw) < head || raw[0] != key.id {
			continue
		}
		if value, err := key.aead.Open(nil, raw[1:head], raw[head:], []byte(place)); err == nil {
			return string(value), i, nil
		}
	}
	return "", 0, ErrSeal
}
