package wxsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
	"time"
)

// itemWith is a good entry of item_list after a change; nil values delete.
func (b *bench) itemWith(appid string, change obj) obj {
	it := b.item(appid)
	for k, v := range change {
		if v == nil {
			delete(it, k)
		} else {
			it[k] = v
		}
	}
	return it
}

func TestSubmissionFields(t *testing.T) {
	t.Parallel()
	id := AppID(1)
	item := func(change obj) func(*bench) any {
		return func(b *bench) any { return obj{"item_list": []any{b.itemWith(id, change)}} }
	}
	times := func(n int) func(*bench) any {
		return func(b *bench) any {
			list := []any{}
			for range n {
				list = append(list, b.item(id))
			}
			return obj{"item_list": list}
		}
	}
	body := func(v any) func(*bench) any { return func(*bench) any { return v } }
	for name, tc := range map[string]struct {
		body func(*bench) any
		code int
	}{
		"one item":                 {times(1), 0},
		"five items":               {times(5), 0},
		"no item list":             {body("{}"), 0},
		"empty item list":          {times(0), 0},
		"six items":                {times(6), 85023},
		"item list as string":      {body(obj{"item_list": "[]"}), 47001},
		"item list null":           {body(`{"item_list":null}`), 0},
		"quoted id":                {item(obj{"first_id": "304"}), 47001},
		"no class":                 {item(obj{"first_class": nil}), 85010},
		"empty class":              {item(obj{"second_class": ""}), 85010},
		"no id":                    {item(obj{"second_id": nil}), 85010},
		"foreign class":            {item(obj{"first_class": "工业"}), 85008},
		"foreign id":               {item(obj{"second_id": 1}), 85008},
		"third class":              {item(obj{"third_class": "x", "third_id": 3}), 85008},
		"foreign page":             {item(obj{"address": "pages/x/x"}), 85007},
		"no page":                  {item(obj{"address": nil}), 0},
		"page null":                {item(obj{"address": json.RawMessage("null")}), 0},
		"page empty":               {item(obj{"address": ""}), 0},
		"ten tags":                 {item(obj{"tag": strings.Repeat("a ", 10)}), 0},
		"eleven tags":              {item(obj{"tag": strings.Repeat("a ", 11)}), 85006},
		"tag of 21":                {item(obj{"tag": strings.Repeat("签", 21)}), 85006},
		"title of 32":              {item(obj{"title": strings.Repeat("题", 32)}), 0},
		"title of 33":              {item(obj{"title": strings.Repeat("题", 33)}), 85011},
		"preview null":             {body(`{"preview_info":null}`), 0},
		"preview as list":          {body(`{"preview_info":[]}`), 47001},
		"preview as text":          {body(`{"preview_info":""}`), 47001},
		"preview list as text":     {body(`{"preview_info":{"pic_id_list":"x"}}`), 85092},
		"preview empty":            {body(`{"preview_info":{}}`), 0},
		"preview of nulls":         {body(`{"preview_info":{"video_id_list":null,"pic_id_list":[]}}`), 0},
		"preview unknown":          {body(obj{"preview_info": obj{"pic_id_list": []string{"x"}}}), 85092},
		"too many previews":        {body(obj{"preview_info": obj{"pic_id_list": make([]string, 11)}}), 85093},
		"version_desc":             {body(obj{"version_desc": "what is new"}), 0},
		"version_desc too long":    {body(obj{"version_desc": strings.Repeat("x", 501)}), 85051},
		"version_desc number":      {body(obj{"version_desc": 1}), 47001},
		"feedback too long":        {body(obj{"feedback_info": strings.Repeat("x", 201)}), 45002},
		"six feedback files":       {body(obj{"feedback_stuff": "a|b|c|d|e|f"}), 45002},
		"privacy_api_not_use text": {body(obj{"privacy_api_not_use": "true"}), 47001},
		"ugc null":                 {body(`{"ugc_declare":null}`), 0},
		"ugc empty":                {body(`{"ugc_declare": { } }`), 0},
		"ugc as list":              {body(`{"ugc_declare":[]}`), 47001},
		"what PowerWeChat sends":   {body(`{"item_list":[],"preview_info":null,"ugc_declare":null}`), 0},
		"ugc":                      {body(obj{"ugc_declare": obj{"scene": []int{1, 4}, "method": []int{1}, "has_audit_team": 1}}), 0},
		"ugc scene":                {body(obj{"ugc_declare": obj{"scene": []int{6}}}), 40097},
		"ugc method":               {body(obj{"ugc_declare": obj{"method": []int{0}}}), 40097},
		"ugc too long":             {body(obj{"ugc_declare": obj{"audit_desc": strings.Repeat("x", 257)}}), 45002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 2, Quota: QuotaOptions{Limit: 3}})
			b.commit(id, "2", "d")
			b.want(tc.code, b.app(id, "POST", "/wxa/submit_audit", tc.body(b)))
			if got, want := b.sim.Books().Quota.Spent, int64(1); (tc.code == 0) != (got == want) {
				t.Errorf("%d units spent after errcode %d", got, tc.code)
			}
		})
	}
}

func TestSubmissionStates(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	id := AppID(1)
	for name, tc := range map[string]struct {
		change AppChange
		code   int
		then   any // accepted afterwards
	}{
		"no category": {AppChange{Category: &no}, 85008, nil},
		"no profile":  {AppChange{Profile: &no}, 86002, nil},
		"mini game":   {AppChange{MiniGame: &yes}, 87006, nil},
		"needs ugc":   {AppChange{NeedsUGC: &yes}, 85094, obj{"ugc_declare": obj{"scene": []int{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 2})
			b.commit(id, "2", "d")
			if err := b.sim.ChangeApp(id, tc.change); err != nil {
				t.Fatal(err)
			}
			b.want(tc.code, b.app(id, "POST", "/wxa/submit_audit", "{}"))
			b.want(tc.code, b.app(id, "POST", "/wxa/submit_audit", `{"ugc_declare":{}}`))
			if tc.then != nil {
				b.want(0, b.app(id, "POST", "/wxa/submit_audit", tc.then))
			}
			if n := len(b.want(0, b.app(id, "GET", "/wxa/get_category", nil))["category_list"].([]any)); (n == 0) != (name == "no category") {
				t.Errorf("%d categories", n)
			}
		})
	}
}

// TestPreviewMedia: what uploadmedia gave serves the same app for three days.
func TestPreviewMedia(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	up := b.want(0, b.upload(id, "media", []byte("\x89PNG\r\n\x1a\n0000")))
	if up["type"] != "image" {
		t.Errorf("type %v, want image", up["type"])
	}
	b.want(41005, b.upload(id, "file", []byte("\x89PNG\r\n\x1a\n0000")))
	b.want(41005, b.upload(id, "media", nil))
	b.want(40005, b.upload(id, "media", []byte("plain text")))
	b.want(40006, b.upload(id, "media", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, maxImage)...)))
	body := obj{"preview_info": obj{"pic_id_list": []any{up["mediaid"]}}}
	b.commit(AppID(0), "2", "d")
	b.want(85092, b.app(AppID(0), "POST", "/wxa/submit_audit", body))
	b.commit(id, "2", "d")
	b.clock.Advance(72*time.Hour - time.Second)
	b.login()
	b.aat = map[string]string{}
	delayed := b.token(id)
	b.clock.Advance(time.Second)
	b.want(85092, b.call("POST", withToken("/wxa/submit_audit", delayed), body))
	up = b.want(0, b.upload(id, "media", []byte("GIF89a0000")))
	body["preview_info"] = obj{"pic_id_list": []any{up["mediaid"]}}
	b.want(0, b.call("POST", withToken("/wxa/submit_audit", delayed), body))
}

// upload sends material for an audit.
func (b *bench) upload(appid, field string, data []byte) obj {
	b.t.Helper()
	return b.post("/wxa/uploadmedia", appid, field, "a.png", data)
}

// post sends a file as multipart.
func (b *bench) post(path, appid, field, name string, data []byte) obj {
	b.t.Helper()
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := part.Write(data); err != nil {
		b.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	res, err := b.http.Post(b.srv.URL+withToken(path, b.token(appid)), form.FormDataContentType(), &buf)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	var out obj
	if err := dec.Decode(&out); err != nil {
		b.t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return out
}
