package callback

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// unseal is the receiver's side, written here only: random bytes, message and appid of an encrypted callback.
func unseal(key []byte, encrypted string) (random []byte, msg, appid string, err error) {
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return nil, "", "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, "", "", err
	}
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, "", "", fmt.Errorf("%d bytes", len(data))
	}
	cipher.NewCBCDecrypter(block, key[:16]).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	if pad < 1 || pad > 32 || pad > len(data)-20 {
		return nil, "", "", fmt.Errorf("pad %d", pad)
	}
	data = data[:len(data)-pad]
	n := int(binary.BigEndian.Uint32(data[16:20]))
	if n > len(data)-20 {
		return nil, "", "", fmt.Errorf("length %d", n)
	}
	return data[:16], string(data[20 : 20+n]), string(data[20+n:]), nil
}

const (
	goodKey    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
	platformID = "wx0000000000000001"
)

// vectors are the official test vectors of the platform's documents.
var vectors = []struct {
	name, timestamp, nonce, encrypted, signature, random string
	length                                               int
	within                                               string
}{
	{
		"push", "1715943329", "1590219412",
		"D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg==",
		"6c12a4205838198b8fa631b3220723bb07f1015c", "1205899eaf019bbd", 292, "debug_demo",
	},
	{
		"reply", "1713424427", "415670741",
		"hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7",
		"03e0812039325c2712ef5f0f980fd14c70d6e307", "999951349e8ee746", 52, "good luck",
	},
}

// TestOfficialVectors: signature and encryption come out as WeChat's own.
func TestOfficialVectors(t *testing.T) {
	t.Parallel()
	const token, platform = "AAAAA", "wx134c8103faa5a59e"
	key, err := aesKey(strings.Repeat("A", 43))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if got := sign(token, v.timestamp, v.nonce, v.encrypted); got != v.signature {
				t.Errorf("signature %s, want %s", got, v.signature)
			}
			random, msg, appid, err := unseal(key, v.encrypted)
			if err != nil {
				t.Fatal(err)
			}
			if string(random) != v.random || len(msg) != v.length || !strings.Contains(msg, v.within) || appid != platform {
				t.Fatalf("random %q, %d bytes %q, appid %q", random, len(msg), msg, appid)
			}
			if got := seal(key, []byte(v.random), msg, platform); got != v.encrypted {
				t.Errorf("sealing what was unsealed gave\n%s, want\n%s", got, v.encrypted)
			}
		})
	}
}

func TestSealPadsEveryLength(t *testing.T) {
	t.Parallel()
	key, err := aesKey(goodKey)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 70 {
		msg := strings.Repeat("x", n)
		if _, got, appid, err := unseal(key, seal(key, make([]byte, 16), msg, platformID)); err != nil || got != msg || appid != platformID {
			t.Fatalf("length %d: %q %q %v", n, got, appid, err)
		}
	}
}

func TestAESKey(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		goodKey: true, strings.Repeat("A", 42): false, strings.Repeat("A", 44): false, strings.Repeat("!", 43): false, "": false,
	} {
		if _, err := aesKey(text); (err == nil) != ok {
			t.Errorf("aesKey(%q): %v", text, err)
		}
	}
}
