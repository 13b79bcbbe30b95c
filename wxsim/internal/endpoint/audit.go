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

// submitAudit refuses malformed fields before the state of the app is checked.
func submitAudit(c *call) (payload, int) {
	sub, code := parseSubmission(c.F)
	if code != 0 {
		return nil, code
	}
	au, code := c.App.Submit(sub, c.Now)
	if code != 0 {
		return nil, code
	}
	return payload{"auditid": auditID(c, au)}, 0
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
	texts, ok := gateway.Decode[struct {
		Version   string `in:"version_desc"`
		Feedback  string `in:"feedback_info"`
		Stuff     string `in:"feedback_stuff"`
		OrderPath string `in:"order_path"`
	}](f)
	switch {
	case !ok:
		return sub, 47001
	case utf8.RuneCountInString(texts.Version) > maxVersionDesc:
		return sub, 85051
	case utf8.RuneCountInString(texts.Feedback) > maxFeedback, strings.Count(texts.Stuff, "|") >= maxStuff:
		return sub, 45002
	}
	flag, ok := gateway.Decode[struct {
		NotUsed bool `in:"privacy_api_not_use"`
	}](f)
	if sub.PrivacyNotUsed = flag.NotUsed; !ok {
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

type auditRef = struct {
	ID int64 `in:"auditid,quoted"`
}

func auditStatus(c *call, in auditRef) (payload, int) {
	au := c.App.Audit(in.ID)
	if au == nil {
		return nil, 85012
	}
	return verdict(c, au, "screenshot"), 0
}

// latestAuditStatus spells the screenshots ScreenShot.
func latestAuditStatus(c *call) (payload, int) {
	au := c.App.Latest()
	if au == nil {
		return nil, 85012
	}
	p := verdict(c, au, "ScreenShot")
	p["auditid"], p["user_version"], p["user_desc"], p["submit_audit_time"] = auditID(c, au), au.Version, au.Desc, au.At.Unix()
	return p, 0
}

func speedupAudit(c *call, in auditRef) (payload, int) { return nil, c.App.SpeedUp(in.ID, c.Now) }

// queryQuota shows the platform's numbers to every app's token.
func queryQuota(c *call) (payload, int) {
	q := c.World.Allowance(c.Now)
	return payload{"rest": q.Rest, "limit": q.Limit, "speedup_rest": q.SpeedupRest, "speedup_limit": q.SpeedupLimit}, 0
}

// revertRelease reverts, or lists the history when the query asks for it.
func revertRelease(c *call) (payload, int) {
	q := c.R.URL.Query()
	switch q.Get("action") {
	case "":
		return nil, c.App.Revert(q.Get("app_version"))
	case "get_history_version":
		list := []payload{}
		for _, p := range c.App.History() {
			list = append(list, payload{
				"app_version": p.AppVersion, "user_version": p.Version, "user_desc": p.Desc, "commit_time": p.At.Unix(),
			})
		}
		return payload{"version_list": list}, 0
	}
	return nil, 40097
}

func grayRelease(c *call) (payload, int) {
	in, ok := gateway.Decode[struct {
		Percent   int64 `in:"gray_percentage"`
		Debuggers bool  `in:"support_debuger_first"`
		Testers   bool  `in:"support_experiencer_first"`
	}](c.F)
	if !ok {
		return nil, 40097
	}
	return nil, c.App.GrayRelease(in.Percent, in.Debuggers, in.Testers, c.Now)
}

// grayPlan has status 0 without a gray release.
func grayPlan(c *call) (payload, int) {
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
	return payload{"gray_release_plan": plan}, 0
}
