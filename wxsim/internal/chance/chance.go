// Package chance holds the random decisions of the simulator. Each is a pure hash of a seed, an app, a kind of decision and
// a counter, so that no decision depends on the order of concurrent calls.
package chance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Mix spreads the bits of x: the finalizer of splitmix64, a bijection.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Hash is a pure function of its arguments.
func Hash(seed uint64, appid, kind string, n uint64) uint64 {
	const prime = 1099511628211
	h := Mix(seed) ^ 14695981039346656037
	for i := range len(appid) {
		h = (h ^ uint64(appid[i])) * prime
	}
	h = (h ^ 0xff) * prime
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * prime
	}
	return Mix(h ^ Mix(n))
}

// Draw is the nth draw of a kind for an app: 0 <= u < 1.
func Draw(seed uint64, appid, kind string, n uint64) float64 {
	return float64(Hash(seed, appid, kind, n)>>11) / (1 << 53)
}

// Opaque makes a string of n characters that cannot be guessed without the seed: a token, a ticket, a code.
func Opaque(seed uint64, kind, owner string, nth uint64, n int) string {
	in := binary.BigEndian.AppendUint64(nil, seed)
	in = append(append(in, kind...), owner...)
	in = binary.BigEndian.AppendUint64(in, nth)
	var out []byte
	for i := byte(0); len(out) < n; i++ {
		sum := sha256.Sum256(append(in, i))
		out = base64.RawURLEncoding.AppendEncode(out, sum[:])
	}
	return string(out[:n])
}
