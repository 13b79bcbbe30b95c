package callback

import (
	"encoding/xml"
	"fmt"
)

// reply is the envelope of an answer with content.
type reply struct {
	XMLName   xml.Name `xml:"xml"`
	Encrypt   string   `xml:"Encrypt"`
	Signature string   `xml:"MsgSignature"`
	Timestamp string   `xml:"TimeStamp"`
	Nonce     string   `xml:"Nonce"`
}

// Reply encrypts and signs an answer with content. The handler answers "success" only; a few
// callbacks require content.
func (c *Codec) Reply(msg []byte, timestamp, nonce string, random [16]byte) ([]byte, error) {
	encrypted := c.Encrypt(msg, random)
	out, err := xml.Marshal(reply{
		Encrypt: encrypted, Signature: c.Signature(timestamp, nonce, encrypted), Timestamp: timestamp, Nonce: nonce,
	})
	if err != nil {
		return nil, fmt.Errorf("write the reply: %w", err)
	}
	return out, nil
}
