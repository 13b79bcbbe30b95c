package callback

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const maxDepth = 16

// fields are the texts of the elements directly below the root, by their exact name, and of
// those below its element info, as "info.name". The first of two equal elements counts; other deeper
// elements are skipped.
type fields map[string]string

// key returns the field name of an element at a path. An element whose name has a dot is skipped.
func key(path []string) (name string, ok bool) {
	name = path[len(path)-1]
	switch {
	case strings.Contains(name, "."):
		return "", false
	case len(path) == 2:
		return name, true
	case len(path) == 3 && path[1] == "info":
		return "info." + name, true
	default:
		return "", false
	}
}

// first returns the first of the named fields that is not empty.
func (f fields) first(names ...string) string {
	for _, name := range names {
		if f[name] != "" {
			return f[name]
		}
	}
	return ""
}

// byteOrderMark may precede a message that a proxy rewrote.
var byteOrderMark = []byte("\ufeff")

// parseXML reads a message of WeChat. It takes elements, text and CDATA and nothing else: no
// document type, no entity beyond XML's own five, no comment, no processing instruction after
// the declaration.
func parseXML(text []byte) (fields, error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)))
	out := fields{}
	var path []string
	var value strings.Builder
	seenRoot := false
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read XML: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) == 0 && (seenRoot || token.Name.Local != "xml") || len(path) >= maxDepth {
				return nil, errors.New("read XML: not one element named xml, or too deep")
			}
			seenRoot = true
			path = append(path, token.Name.Local)
			value.Reset()
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != token.Name.Local {
				return nil, errors.New("read XML: elements cross")
			}
			if name, ok := key(path); ok {
				if _, double := out[name]; !double {
					out[name] = strings.TrimSpace(value.String())
				}
			}
			path = path[:len(path)-1]
			value.Reset()
		case xml.CharData:
			if len(path) == 0 && len(bytes.TrimSpace(token)) > 0 {
				return nil, errors.New("read XML: text outside the root")
			}
			value.Write(token)
		case xml.ProcInst:
			if token.Target != "xml" || seenRoot {
				return nil, errors.New("read XML: a processing instruction")
			}
		default: // xml.Directive is <!DOCTYPE and its like, xml.Comment the rest
			return nil, errors.New("read XML: a directive or a comment")
		}
	}
	if !seenRoot || len(path) != 0 {
		return nil, errors.New("read XML: the root element is missing or open")
	}
	return out, nil
}
