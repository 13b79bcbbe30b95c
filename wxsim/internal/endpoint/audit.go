package endpoint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Bounds of submit_audit's fields, in characters or entries. Those of version_desc and of the preview lists are not
// published; they are the simulator's choice.
const (
	maxItems       = 5
	maxFeedback    = 200
	maxStuff       = 5
	maxDeclaration = 256
	maxVersionDesc = 500
	maxPreviews    = 10
)

// submitAudit serves submit_audit. Malformed fields are refused before the state of the app is checked.
func submitAudit(c *call) reply {
	sub, code := parseSubmission(c.F)
	if code != 0 {
		return result(code)
	}
	au, code := c.App.Submit(sub, c.Now)
	if code != 0 {
		return result(code)
	}
	return success(payload{"auditid": auditID(c, au)})
}

// auditID is an auditid in the form of the quirks.
func auditID(c *call, au *model.Audit) any {
	if c.World.Settings().Quirks.AuditIDString {
		return fmt.Sprint(au.ID)
	}
	return au.ID
}

// dropEmpty removes the fields that are null or empty: SDKs send absent fields so.
func dropEmpty(f fields, empty string, keys ...string) {
	for _, key := range keys {
		if raw := strings.Join(strings.Fields(string(f[key])), ""); raw == "null" || raw == empty {
			delete(f, key)
		}
	}
}

// parseSubmission checks types and sizes: what does not depend on the app.
func parseSubmission(f fields) (sub model.Submission, code int) {
	dropEmpty(f, "[]", "item_list")
	dropEmpty(f, "{}", "preview_info", "ugc_declare")
	var ok bool
	if sub.Items, ok = gateway.List[model.Item](f, "item_list"); !ok {
		return sub, 47001
	}
	if len(sub.Items) > maxItems {
		return sub, 85023
	}
	preview, ok := f.Object("preview_info")
	if !ok {
		return sub, 47001
	}
	dropEmpty(preview, "[]", "video_id_list", "pic_id_list")
	videos, ok := gateway.List[string](preview, "video_id_list")
	pics, ok2 := gateway.List[string](preview, "pic_id_list")
	switch {
	case !ok || !ok2:
		return sub, 85092
	case len(videos) > maxPreviews || len(pics) > maxPreviews:
		return sub, 85093
	}
	sub.Media = slices.Concat(videos, pics)
	texts, ok := f.Texts("version_desc", "feedback_info", "feedback_stuff", "order_path")
	switch {
	case !ok:
		return sub, 47001
	case utf8.RuneCountInString(texts[0]) > maxVersionDesc:
		return sub, 85051
	case utf8.RuneCountInString(texts[1]) > maxFeedback, strings.Count(texts[2], "|") >= maxStuff:
		return sub, 45002
	}
	if sub.PrivacyNotUsed, ok = f.Flag("privacy_api_not_use"); !ok {
		return sub, 47001
	}
	if raw, has := f["ugc_declare"]; has {
		sub.UGCDeclared = true
		return sub, checkDeclaration(raw)
	}
	return sub, 0
}

// checkDeclaration checks ugc_declare.
func checkDeclaration(raw json.RawMessage) (code int) {
	var d *struct {
		Scene    []int  `json:"scene"`
		Method   []int  `json:"method"`
		Other    string `json:"other_scene_desc"`
		HasTeam  int    `json:"has_audit_team"`
		AuditDoc string `json:"audit_desc"`
	}
	if json.Unmarshal(raw, &d) != nil || d == nil {
		return 47001
	}
	outside := func(list []int, low, high int) bool {
		return slices.ContainsFunc(list, func(n int) bool { return n < low || n > high })
	}
	switch {
	case outside(d.Scene, 0, 5) || outside(d.Method, 1, 4) || d.HasTeam < 0 || d.HasTeam > 1:
		return 40097
	case utf8.RuneCountInString(d.Other) > maxDeclaration || utf8.RuneCountInString(d.AuditDoc) > maxDeclaration:
		return 45002
	}
	return 0
}

// verdict is the members that both status calls share. shot is the name of the screenshot member, which differs.
func verdict(c *call, au *model.Audit, shot string) payload {
	p := payload{"status": au.State(c.Now)}
	if reason := au.Reason(c.Now); reason != "" {
		p["reason"] = reason
	}
	if p["status"] == model.AuditRejected {
		p[shot] = au.Screenshots()
	}
	return p
}

// auditStatus serves get_auditstatus.
func auditStatus(c *call) reply {
	id, ok := c.F.Number("auditid", true)
	if !ok {
		return result(47001)
	}
	au := c.App.Audit(id)
	if au == nil {
		return result(85012)
	}
	return success(verdict(c, au, "screenshot"))
}

// latestAuditStatus serves get_latest_auditstatus, which spells the screenshots ScreenShot.
func latestAuditStatus(c *call) reply {
	au := c.App.Latest()
	if au == nil {
		return result(85012)
	}
	p := verdict(c, au, "ScreenShot")
	p["auditid"], p["user_version"], p["user_desc"], p["submit_audit_time"] = auditID(c, au), au.Version, au.Desc, au.At.Unix()
	return success(p)
}

// speedupAudit serves speedupaudit.
func speedupAudit(c *call) reply {
	id, ok := c.F.Number("auditid", true)
	if !ok {
		return result(47001)
	}
	return result(c.App.SpeedUp(id, c.Now))
}

// queryQuota serves queryquota: every app's token shows the platform's numbers.
func queryQuota(c *call) reply {
	q := c.World.Allowance(c.Now)
	return success(payload{"rest": q.Rest, "limit": q.Limit, "speedup_rest": q.SpeedupRest, "speedup_limit": q.SpeedupLimit})
}

// revertRelease serves revertcoderelease, and its history when the query asks for it.
func revertRelease(c *call) reply {
	q := c.R.URL.Query()
	switch q.Get("action") {
	case "":
	case "get_history_version":
		list := []payload{}
		for _, p := range c.App.History() {
			list = append(list, payload{
				"app_version": p.AppVersion, "user_version": p.Version, "user_desc": p.Desc, "commit_time": p.At.Unix(),
			})
		}
		return success(payload{"version_list": list})
	default:
		return result(40097)
	}
	return result(c.App.Revert(q.Get("app_version")))
}

// grayRelease serves grayrelease.
func grayRelease(c *call) reply {
	percent, ok := c.F.Number("gray_percentage", false)
	debuggers, ok2 := c.F.Flag("support_debuger_first")
	testers, ok3 := c.F.Flag("support_experiencer_first")
	if !ok || !ok2 || !ok3 {
		return result(40097)
	}
	return result(c.App.GrayRelease(percent, debuggers, testers, c.Now))
}

// grayPlan serves getgrayreleaseplan; without a gray release the status is 0.
func grayPlan(c *call) reply {
	g := c.App.Gray
	if g == nil {
		g = &model.Gray{}
	}
	plan := payload{
		"status": g.Status, "gray_percentage": g.Percent,
		"support_debuger_first": g.Debuggers, "support_experiencer_first": g.Testers,
	}
	if !g.At.IsZero() {
		plan["create_timestamp"] = g.At.Unix()
	}
	return success(payload{"gray_release_plan": plan})
}
