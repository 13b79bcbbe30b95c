package app

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/wxsim"
)

// testConfig are a worker's settings against a simulator.
func testConfig(t *testing.T, redisAddr, wechat, rate string) *config.Config {
	t.Helper()
	var cfg config.Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(fs, &cfg, config.RoleWorker)
	if err := config.Load(fs, &cfg, config.RoleWorker, []string{
		"WXROLLOUT_REDIS_URL=redis://" + redisAddr + "/0", "WXROLLOUT_WECHAT_URL=" + wechat, "WXROLLOUT_RATE=" + rate,
		"WXROLLOUT_COMPONENT_APPID=" + wxsim.DefaultComponentAppID, "WXROLLOUT_COMPONENT_SECRET=" + wxsim.DefaultSecret,
		"WXROLLOUT_COMPONENT_TICKET=" + wxsim.DefaultTicket, "WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}, config.OpenFile); err != nil {
		t.Fatal(err)
	}
	return &cfg
}
