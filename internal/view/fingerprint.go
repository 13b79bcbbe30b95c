package view

import (
	"regexp"
	"strings"
)

// particular matches what differs between apps that were refused for one reason: ids, the reviewer's device,
// names of pages in 【】 or quotation marks, links, versions and numbers.
var particular = regexp.MustCompile(`\bwx[0-9a-z]{16}\b|\brid[:=]\s*\S+` +
	`|https?://[^\s，。；、）)】"<]+` +
	`|[（(]\s*(?:测试环境|测试机型|测试设备|测试手机|机型|设备|环境|审核环境|运行环境)[^（）()]*[）)]` +
	`|【[^】]*】|「[^」]*」|『[^』]*』|“[^”]*”|"[^"]*"|《[^》]*》` +
	`|[vV]?\d+(?:[.:：_-]\d+)*`)

// spaces matches what carries no meaning between words.
var spaces = regexp.MustCompile(`[\s　]+`)

// fingerprint is a text without what differs between apps. Texts of one cause have one fingerprint.
func fingerprint(text string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(particular.ReplaceAllString(text, "…"), " "))
}
