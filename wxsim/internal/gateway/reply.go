package gateway

import (
	"bytes"
	"cmp"
	_ "embed" // errmsg.tsv
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Payload is the members of a JSON reply.
type Payload map[string]any

// reply is an answer before it is written.
type reply struct {
	code int
	data Payload // members besides errcode and errmsg, unless they replace the usual errmsg
	bare bool    // a success without errcode and errmsg, as the component calls answer
	jpeg []byte  // a body that is not JSON
	rid  string  // of a refusal
}

// write sends the reply as WeChat does: HTTP 200 for every code.
func (rep reply) write(w http.ResponseWriter) {
	body, kind := rep.jpeg, "image/jpeg"
	if body == nil {
		body, kind = rep.json(), "application/json; encoding=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // the client is gone
}

func (rep reply) json() []byte {
	out := Payload{}
	switch {
	case rep.code != 0:
		out["errcode"], out["errmsg"] = rep.code, cmp.Or(texts[rep.code], "error "+strconv.Itoa(rep.code))+" rid: "+rep.rid
	case !rep.bare:
		out["errcode"], out["errmsg"] = 0, "ok"
	}
	maps.Copy(out, rep.data)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		panic(fmt.Sprintf("wxsim: encode reply: %v", err))
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// Codes lists the errcodes of the simulator's rules, in no order. A fault may give any other.
func Codes() []int { return slices.Collect(maps.Keys(texts)) }

//go:embed errmsg.tsv
var errmsg string

// texts are the texts of the codes that the rules of the simulator give.
var texts = parseTexts(errmsg)

func parseTexts(table string) map[int]string {
	out := map[int]string{}
	for line := range strings.Lines(table) {
		number, text, _ := strings.Cut(strings.TrimSpace(line), "\t")
		code, err := strconv.Atoi(number)
		if err != nil {
			panic("wxsim: errmsg.tsv: " + err.Error())
		}
		out[code] = text
	}
	return out
}
