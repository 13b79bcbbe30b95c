package callback

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // the protocol prescribes SHA-1
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	keyChars  = 43 // EncodingAESKey without its base64 padding
	padBlock  = 32 // PKCS#7 block of this protocol, twice that of AES
	randomLen = 16
	headerLen = randomLen + 4 // random bytes and the length of the message
)

// The errors of Codec.Decrypt.
var (
	// ErrDecrypt means that no key gives a well-formed text.
	ErrDecrypt = errors.New("the message cannot be decrypted: EncodingAESKey differs from the one set at WeChat")
	// ErrForeign means that the text is for another component.
	ErrForeign = errors.New("the message is for another component appid")
)

// Codec signs, decrypts and encrypts messages between WeChat and one component.
type Codec struct {
	component string
	token     string
	keys      []cipher.Block // current first, then previous; ivs runs alongside
	ivs       [][]byte
}

// NewCodec returns a Codec. aesKey and previous are EncodingAESKeys of 43 characters;
// previous may be empty, and is only used to decrypt, while a changed key settles.
func NewCodec(component, token, aesKey, previous string) (*Codec, error) {
	if component == "" || token == "" {
		return nil, errors.New("callback options: component appid and token must be set")
	}
	c := &Codec{component: component, token: token}
	for _, key := range []struct{ name, text string }{{"AESKey", aesKey}, {"PreviousAESKey", previous}} {
		if key.text == "" && key.name == "PreviousAESKey" {
			continue
		}
		if len(key.text) != keyChars {
			return nil, fmt.Errorf("callback options: %s has %d characters, want %d", key.name, len(key.text), keyChars)
		}
		// Not Strict: the last character may carry bits that fall off.
		raw, err := base64.StdEncoding.DecodeString(key.text + "=")
		if err != nil {
			return nil, fmt.Errorf("callback options: %s holds characters outside base64", key.name)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("callback options: %s: %w", key.name, err)
		}
		c.keys, c.ivs = append(c.keys, block), append(c.ivs, raw[:aes.BlockSize])
	}
	return c, nil
}

// Signature returns the msg_signature of an encrypted text: lower-case hex.
func (c *Codec) Signature(timestamp, nonce, encrypted string) string {
	parts := []string{c.token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// Verify reports in constant time whether signature fits the encrypted text.
func (c *Codec) Verify(signature, timestamp, nonce, encrypted string) bool {
	return subtle.ConstantTimeCompare([]byte(signature), []byte(c.Signature(timestamp, nonce, encrypted))) == 1
}

// Decrypt returns the message of an encrypted text, trying the current key and then the previous
// one. Errors: ErrDecrypt, ErrForeign. To a sender both must look the same (see NewHandler), or the
// padding can be probed.
func (c *Codec) Decrypt(encrypted string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, ErrDecrypt
	}
	for i, key := range c.keys {
		plain := make([]byte, len(sealed))
		cipher.NewCBCDecrypter(key, c.ivs[i]).CryptBlocks(plain, sealed)
		msg, owner, ok := open(plain)
		switch {
		case !ok:
			continue
		case owner != c.component:
			return nil, ErrForeign
		default:
			return msg, nil
		}
	}
	return nil, ErrDecrypt
}

// open parses a decrypted text: random bytes, length, message, component appid, padding.
func open(plain []byte) (msg []byte, owner string, ok bool) {
	pad, ok := padding(plain)
	body := plain[:len(plain)-pad]
	if !ok || len(body) < headerLen {
		return nil, "", false
	}
	n := uint64(binary.BigEndian.Uint32(body[randomLen:headerLen]))
	rest := body[headerLen:]
	if n > uint64(len(rest)) {
		return nil, "", false
	}
	return rest[:n], string(rest[n:]), true
}

// padding returns the length of the PKCS#7 padding, and whether it is well-formed, in a time that
// depends on the length of plain alone. The length is 0 if it is not.
func padding(plain []byte) (length int, ok bool) {
	last := plain[len(plain)-1]
	most := min(padBlock, len(plain))
	good := subtle.ConstantTimeLessOrEq(1, int(last)) & subtle.ConstantTimeLessOrEq(int(last), most)
	for i := 1; i <= most; i++ {
		inside := subtle.ConstantTimeLessOrEq(i, int(last))
		good &= subtle.ConstantTimeSelect(inside, subtle.ConstantTimeByteEq(plain[len(plain)-i], last), 1)
	}
	return subtle.ConstantTimeSelect(good, int(last), 0), good == 1
}

// Encrypt encrypts a message for WeChat with the current key. random must be fresh.
func (c *Codec) Encrypt(msg []byte, random [randomLen]byte) string {
	plain := make([]byte, 0, headerLen+len(msg)+len(c.component)+padBlock)
	plain = append(plain, random[:]...)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(msg)))
	plain = append(plain, msg...)
	plain = append(plain, c.component...)
	pad := padBlock - len(plain)%padBlock
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(c.keys[0], c.ivs[0]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}
