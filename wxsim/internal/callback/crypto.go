package callback

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// padBlock is the PKCS#7 block of callbacks: 32 bytes, not AES's 16.
const padBlock = 32

// aesKey decodes an EncodingAESKey of 43 characters to 32 bytes. Bits beyond those in its last character are dropped.
func aesKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text + "=")
	if err != nil {
		return nil, fmt.Errorf("EncodingAESKey: want 43 characters of base64: %w", err)
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("EncodingAESKey: want 43 characters, got %d", len(text))
	}
	return key, nil
}

// seal encrypts a message: 16 random bytes, the length, the message and the platform's appid, padded, in AES-256-CBC.
func seal(key, random []byte, msg, appid string) string {
	plain := append([]byte{}, random[:16]...)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(msg)))
	plain = append(append(plain, msg...), appid...)
	pad := padBlock - len(plain)%padBlock
	for range pad {
		plain = append(plain, byte(pad))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("wxsim: callback key: " + err.Error()) // its length was checked when it was decoded
	}
	cipher.NewCBCEncrypter(block, key[:16]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// sign is the msg_signature of a callback.
func sign(token, timestamp, nonce, encrypted string) string {
	parts := []string{token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}
