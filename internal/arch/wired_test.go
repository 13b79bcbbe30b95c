package arch_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// mounts are the files and folders of the repository that services see, by the
// path they see them at.
func mounts(services map[string]service) map[string]string {
	inside := make(map[string]string)
	for _, s := range services {
		for _, v := range s.Volumes {
			if parts := strings.Split(v, ":"); strings.HasPrefix(parts[0], "./") {
				inside[parts[1]] = parts[0]
			}
		}
	}
	return inside
}

// parse reads a YAML file below the root.
func parse(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, name), into); err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
}

func TestMountedFilesExist(t *testing.T) {
	t.Parallel()
	for at, source := range mounts(compose(t)) {
		if source == "./plans" { // made by its user
			continue
		}
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Errorf("mounted at %s: %v", at, err)
		}
	}
}

// TestPrometheusIsWired: it loads rules that are mounted, and scrapes services
// that listen.
func TestPrometheusIsWired(t *testing.T) {
	t.Parallel()
	services := compose(t)
	var prom struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	parse(t, "deploy/prometheus.yml", &prom)
	paths := slices.Collect(maps.Keys(mounts(services)))
	for _, pattern := range prom.RuleFiles {
		if !slices.ContainsFunc(paths, func(path string) bool { ok, _ := filepath.Match(pattern, path); return ok }) {
			t.Errorf("prometheus.yml loads %s, and nothing is mounted there", pattern)
		}
	}
	workers := 0
	for _, c := range prom.ScrapeConfigs {
		for _, d := range c.DNS {
			for _, name := range d.Names {
				workers++
				if s, ok := services[name]; !ok || s.Environment["WXROLLOUT_LISTEN"] != ":9090" || d.Port != 9090 {
					t.Errorf("job %s scrapes %s:%d, which no service listens on", c.Job, name, d.Port)
				}
			}
		}
	}
	if len(prom.RuleFiles) == 0 || workers == 0 {
		t.Errorf("%d rule files, %d services scraped: want some", len(prom.RuleFiles), workers)
	}
}

// TestGrafanaIsWired: it asks the Prometheus of the compose file, and finds the
// dashboard.
func TestGrafanaIsWired(t *testing.T) {
	t.Parallel()
	services := compose(t)
	var provider struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	parse(t, "deploy/grafana/dashboards/wxrollout.yml", &provider)
	if len(provider.Providers) != 1 {
		t.Fatalf("%d dashboard providers, want 1", len(provider.Providers))
	}
	path, home := provider.Providers[0].Options.Path, services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	source := mounts(services)[path]
	if source == "" || filepath.Dir(home) != path {
		t.Errorf("grafana reads dashboards from %s and its home is %s: want both mounted", path, home)
	}
	if _, err := os.Stat(filepath.Join(root, source, filepath.Base(home))); err != nil {
		t.Errorf("grafana's home: %v", err)
	}
	var sources struct {
		Datasources []struct {
			URL     string `yaml:"url"`
			Default bool   `yaml:"isDefault"`
		} `yaml:"datasources"`
	}
	parse(t, "deploy/grafana/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://prometheus:9090" || !sources.Datasources[0].Default {
		t.Errorf("data sources: %+v, want the compose file's Prometheus alone", sources.Datasources)
	}
}
