package view

import "testing"

func TestFingerprint(t *testing.T) {
	t.Parallel()
	for _, group := range [][]string{
		{
			"(1):首页没有正式内容，补齐后再提交。（测试环境 wifi，iOS 11.3.1，微信6.6.7，iPhone6）",
			"(1):首页没有正式内容，补齐后再提交。（测试环境 wifi，Android 7.0，微信7.0.0，Honor V9）",
			"(2):首页没有正式内容，补齐后再提交。(测试环境：4G, Android 12, 微信8.0.30, Mate 40)",
		},
		{"小程序【点餐】页面没有内容，补齐后再提交。", "小程序【分类】页面没有内容，补齐后再提交。"},
		{"小程序服务类目与“点餐”不符", "小程序服务类目与“外卖”不符"},
		{"用到相册与麦克风接口，请先填写用户隐私保护指引。"},
		{"用到相册接口，请先填写用户隐私保护指引。"},
		{"wechat /wxa/commit: errcode 85013 rid=00000001-00000002-00000003", "wechat /wxa/commit: errcode 85013 rid=00000009-00000002-0000000a"},
		{"audit 5000000001 of wx0123456789abcdef", "audit 5000000002 of wx0123456789abcdee"},
		{"页面 https://a.example.com/x?y=1 打不开", "页面 https://b.example.com/z 打不开"},
		{"live already with 1.0.0", "live already with 3.2.15"},
	} {
		for _, other := range group {
			if a, b := fingerprint(group[0]), fingerprint(other); a != b {
				t.Errorf("one cause, two fingerprints:\n  %s\n  %s", a, b)
			}
		}
	}
	seen := map[string]string{}
	for _, text := range []string{
		"首页没有正式内容，补齐后再提交。", "小程序【点餐】页面没有内容，补齐后再提交。", "用到相册与麦克风接口，请先填写用户隐私保护指引。",
		"用到相册接口，请先填写用户隐私保护指引。", "",
	} {
		if other, ok := seen[fingerprint(text)]; ok {
			t.Errorf("%q and %q have one fingerprint", text, other)
		}
		seen[fingerprint(text)] = text
	}
}
