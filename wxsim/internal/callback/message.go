package callback

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// message is an event as XML before encryption.
func message(e model.Event, platform string) string {
	head := []model.Field{{Name: "AppId", Value: platform}, {Name: "CreateTime", Value: e.At.Unix()}, {Name: "InfoType", Value: e.Name}}
	if e.AppID != "" {
		head = []model.Field{
			{Name: "ToUserName", Value: e.User}, {Name: "FromUserName", Value: "od4PTw1lqZuDE1Tz8y0gOffIc1a0"},
			{Name: "CreateTime", Value: e.At.Unix()}, {Name: "MsgType", Value: "event"}, {Name: "Event", Value: e.Name},
		}
	}
	return element("xml", append(head, e.Fields...))
}

func element(name string, value any) string {
	text := ""
	switch v := value.(type) {
	case string:
		text = "<![CDATA[" + v + "]]>"
	case int64:
		text = strconv.FormatInt(v, 10)
	case []model.Field:
		var b strings.Builder
		for _, f := range v {
			b.WriteString(element(f.Name, f.Value))
		}
		text = b.String()
	default:
		panic(fmt.Sprintf("wxsim: event field %s is a %T", name, value))
	}
	return "<" + name + ">" + text + "</" + name + ">"
}
