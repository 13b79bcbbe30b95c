package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
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

// write sends the reply as WeChat does: HTTP 200 whatever the code.
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

// texts are the texts of the codes that the rules of the simulator give.
var texts = map[int]string{
	-1:      "system error",
	40001:   "invalid credential, access_token is invalid or not latest",
	40005:   "invalid file type",
	40006:   "invalid media size",
	40013:   "invalid appid",
	40014:   "invalid access_token",
	40097:   "invalid args",
	40125:   "invalid appsecret",
	40126:   "invalid text size",
	40170:   "args count exceed count limit",
	41001:   "access_token missing",
	41002:   "appid missing",
	41004:   "appsecret missing",
	41005:   "media data missing",
	41018:   "component_appid missing",
	42001:   "access_token expired",
	43001:   "require GET method",
	43002:   "require POST method",
	43007:   "require authorization relation",
	44002:   "empty post data",
	45002:   "content size out of limit",
	45009:   "reach max api daily quota limit",
	45011:   "api minute-quota reach limit, must slower, retry next minute",
	45104:   "modify domain reach limit of this month",
	46001:   "media_id not exist",
	47001:   "data format error",
	47002:   "do not use unicode escapes in the body",
	48001:   "api unauthorized",
	48006:   "forbid to clear quota because of reaching the limit",
	49001:   "not same appid with appid of access_token",
	50002:   "user limited",
	61003:   "component is not authorized by this account",
	61005:   "component ticket is expired",
	61006:   "component ticket is invalid",
	61007:   "api is unauthorized to component",
	61009:   "code is invalid",
	61010:   "code is expired",
	61012:   "invalid option name",
	61013:   "invalid option value",
	61014:   "must use component token for component api",
	61015:   "must use api token for non-component api",
	61023:   "refresh_token is invalid",
	61035:   "the api needs no application",
	61039:   "privacy api check of the uploaded code is not finished, retry later",
	61040:   "code uses privacy apis that are not declared or not authorized",
	61071:   "the user has 5 trial mini programs already",
	76001:   "rid not found",
	76002:   "rid is invalid",
	76003:   "could not query this rid or cgi_path",
	76004:   "rid is expired",
	76021:   "cgi_path not found",
	76022:   "could not use this token to query the api",
	85001:   "wechat id does not exist or can not be searched",
	85002:   "tester limit of the mini program reached",
	85003:   "the user is a tester of too many mini programs",
	85004:   "the user is a tester already",
	85006:   "tag is invalid",
	85007:   "page path is invalid",
	85008:   "category is invalid",
	85009:   "already submit a version under auditing",
	85010:   "missing required data in item_list",
	85011:   "title is invalid",
	85012:   "invalid audit id",
	85013:   "invalid ext_json",
	85014:   "template not exist",
	85015:   "version is invalid",
	85016:   "too many domains",
	85017:   "no domain to modify after filter",
	85018:   "domain is not set in the third-party platform",
	85019:   "no version is under auditing",
	85020:   "status not allowed",
	85021:   "status can not be changed",
	85022:   "invalid action",
	85023:   "item_list size is not in 1-5",
	85045:   "ext_json has a path that does not exist",
	85046:   "tabBar is missing a path",
	85047:   "pages are empty",
	85048:   "parse ext_json fail",
	85050:   "verifying, do not apply again",
	85051:   "version_desc or preview_info size is over limit",
	85052:   "app is already released",
	85060:   "invalid taskid",
	85064:   "template or draft not found",
	85065:   "template list is full",
	85066:   "invalid qrcode prefix",
	85067:   "input data error",
	85068:   "debug_url is not under the prefix",
	85069:   "check confirm file failed",
	85071:   "prefix is added already",
	85072:   "prefix is owned by another app",
	85073:   "qrcode rule limit reached",
	85074:   "release the mini program first",
	85075:   "personal mini programs can not set qrcode rules",
	85079:   "no online release",
	85080:   "the submitted version has not passed the audit",
	85081:   "gray percentage is invalid",
	85082:   "gray percentage must be above the current one",
	85085:   "submit audit reach limit of this month",
	85086:   "must commit before submit audit",
	85092:   "preview_info is invalid",
	85093:   "too many preview videos or pictures",
	85094:   "ugc_declare is required",
	85310:   "requiredPrivateInfos is invalid",
	85311:   "requiredPrivateInfos has apis that exclude each other",
	85312:   "requiredPrivateInfos has apis that are not authorized",
	86001:   "no code was committed by the third party",
	86002:   "the mini program has not finished its initial profile",
	86004:   "invalid wechat id",
	86012:   "invalid openid",
	86017:   "name length must be 4-30",
	86020:   "the name still has the suffix of a trial mini program",
	86069:   "owner_setting lacks a required field",
	86071:   "invalid privacy_ver",
	86074:   "there is no online privacy setting",
	86102:   "modify domain reach limit of this month",
	86103:   "check confirm file failed",
	87006:   "mini games can not use this api",
	87011:   "a gray release is running, revert is forbidden",
	87012:   "this version can not be reverted",
	87013:   "undo quota is used up",
	87072:   "invalid store_expire_timestamp",
	89013:   "mini program is banned",
	89014:   "support version is invalid",
	89019:   "webview domain has no change",
	89020:   "the platform has no webview domain",
	89021:   "domain is not one of the platform",
	89029:   "webview domain limit reached",
	89030:   "operation limit of this month reached",
	89033:   "wechat id is empty",
	89034:   "userstr is invalid",
	89231:   "personal mini programs can not set webview domains",
	89248:   "invalid code_type",
	89249:   "task is running, retry 24h after the last one",
	89250:   "task not found",
	89251:   "waiting for the legal person",
	89253:   "params missing",
	89255:   "invalid enterprise code",
	89402:   "not in the queue of audits",
	89404:   "already speeded up",
	89405:   "speedup quota of this month is used up",
	91030:   "too many registrations of this wechat id today",
	9402202: "concurrent limit, please do not submit repeatedly",
	9402203: "ext_json of a standard template allows only extAppid, ext and window",
}
