package app

import (
	"os"
	"testing"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/wxsim"
)

// testConfig are a worker's settings against a simulator.
func testConfig(t *testing.T, redisAddr, wechat, rate string) *Config {
	t.Helper()
	var cfg Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	BindFlags(fs, &cfg, RoleWorker)
	if err := Load(fs, &cfg, RoleWorker, []string{
		"WXROLLOUT_REDIS_URL=redis://" + redisAddr + "/0", "WXROLLOUT_WECHAT_URL=" + wechat, "WXROLLOUT_RATE=" + rate,
		"WXROLLOUT_COMPONENT_APPID=" + wxsim.DefaultComponentAppID, "WXROLLOUT_COMPONENT_SECRET=" + wxsim.DefaultSecret,
		"WXROLLOUT_COMPONENT_TICKET=" + wxsim.DefaultTicket, "WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}, os.ReadFile); err != nil {
		t.Fatal(err)
	}
	return &cfg
}
