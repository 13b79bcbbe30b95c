package wxsim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// china is the time zone of every calendar rule of the platform.
var china = time.FixedZone("UTC+8", 8*3600)

// dayOf numbers the calendar day of t in UTC+8.
func dayOf(t time.Time) int64 { return (t.Unix() + 8*3600) / 86400 }

// monthOf numbers the calendar month of t in UTC+8.
func monthOf(t time.Time) int64 {
	y, m, _ := t.In(china).Date()
	return int64(y)*12 + int64(m)
}

// mix spreads the bits of x (the finaliser of splitmix64, a bijection).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash is a pure function of its arguments: the source of every random decision.
func hash(seed uint64, appid, kind string, n uint64) uint64 {
	const prime = 1099511628211
	h := mix(seed) ^ 14695981039346656037
	for i := range len(appid) {
		h = (h ^ uint64(appid[i])) * prime
	}
	h = (h ^ 0xff) * prime
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * prime
	}
	return mix(h ^ mix(n))
}

// unit maps a hash to 0 <= u < 1.
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// draw decides the nth question of a kind about an app: 0 <= u < 1.
func (s *Sim) draw(appid, kind string, n uint64) float64 {
	return unit(hash(s.set.Load().Seed, appid, kind, n))
}

// opaque makes a bearer string of n characters that nobody can guess without the seed.
func opaque(seed uint64, kind, owner string, nth uint64, n int) string {
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
