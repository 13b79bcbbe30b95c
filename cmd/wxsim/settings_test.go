package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	settings "github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestWrittenSettingsWork: a worker reads what wxsim wrote, without a warning, and a second start keeps the key.
func TestWrittenSettingsWork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	load := func() *settings.Config {
		if err := writeSettings(dir, "127.0.0.1:8070", "redis://127.0.0.1:6390/0", credentialsOf(wxsim.Options{})); err != nil {
			t.Fatal(err)
		}
		var cfg settings.Config
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		settings.Bind(flags, &cfg, settings.RoleWorker)
		if err := settings.Load(flags, &cfg, settings.RoleWorker, []string{"WXROLLOUT_CONFIG=" + filepath.Join(dir, "wxrollout.yaml")}, settings.OpenFile); err != nil {
			t.Fatal(err)
		}
		return &cfg
	}
	first, second := load(), load()
	if first.ComponentSecret.Reveal() != wxsim.DefaultSecret || first.WeChatURL != "http://127.0.0.1:8070" || first.RedisURL != "redis://127.0.0.1:6390/0" || len(first.Warnings) > 0 {
		t.Errorf("settings %+v", first)
	}
	if first.SealKey.Empty() || first.SealKey.Reveal() != second.SealKey.Reveal() {
		t.Error("the second start made another sealing key: stored tokens would be lost")
	}
	info, err := os.Stat(filepath.Join(dir, "secrets", "seal-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a file for its owner alone", info, err)
	}
}

func TestWriteSettingsFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeSettings(file, "h:1", "redis://h", credentials{}); err == nil {
		t.Error("wrote settings into a file")
	}
}
