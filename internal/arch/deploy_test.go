package arch_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/wxsim"
)

// root is the module's folder.
const root = "../.."

// service is what is checked of a service of docker-compose.yml.
type service struct {
	Image       string            `yaml:"image"`
	Command     []string          `yaml:"command"`
	Entrypoint  []string          `yaml:"entrypoint"`
	EnvFile     []string          `yaml:"env_file"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	Profiles    []string          `yaml:"profiles"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	CapAdd      []string          `yaml:"cap_add"`
	SecurityOpt []string          `yaml:"security_opt"`
	Privileged  bool              `yaml:"privileged"`
	User        string            `yaml:"user"`
	Networks    []string          `yaml:"networks"`
	Memory      string            `yaml:"mem_limit"`
	CPUs        float64           `yaml:"cpus"`
	PIDs        int               `yaml:"pids_limit"`
	DependsOn   any               `yaml:"depends_on"`
}

// read is a file below the root.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return text
}

// compose is docker-compose.yml with its anchors merged.
func compose(t *testing.T) map[string]service {
	t.Helper()
	var file struct {
		Services map[string]service `yaml:"services"`
		Volumes  map[string]any     `yaml:"volumes"`
	}
	if err := yaml.Unmarshal(read(t, "docker-compose.yml"), &file); err != nil {
		t.Fatalf("parse docker-compose.yml: %v", err)
	}
	for name, s := range file.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, named := file.Volumes[source]; !named && !strings.HasPrefix(source, "./") {
				t.Errorf("service %s: volume %q is neither named nor a path", name, source)
			}
		}
	}
	return file.Services
}

func TestComposeRedisKeepsTheLedger(t *testing.T) {
	t.Parallel()
	redis := compose(t)["redis"]
	command := strings.Join(redis.Command, " ")
	for _, want := range []string{"--maxmemory-policy noeviction", "--appendonly yes", "--appendfsync everysec", "exec redis-server", "requirepass $"} {
		if !strings.Contains(command, want) {
			t.Errorf("redis runs with %q, want %s", command, want)
		}
	}
	if !slices.Contains(redis.Volumes, "redis:/data") {
		t.Errorf("redis has volumes %q, want its data on a named one", redis.Volumes)
	}
	if len(redis.Ports) > 0 {
		t.Errorf("redis is published on %q, want no port", redis.Ports)
	}
}

// TestComposeRedisIsAlone: only the programs that need it share a network with Redis.
func TestComposeRedisIsAlone(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t) {
		want := []string(nil)
		switch name {
		case "redis":
			want = []string{"redis"}
		case "worker", "enqueue":
			want = []string{"default", "redis"}
		}
		if !slices.Equal(s.Networks, want) {
			t.Errorf("service %s is in the networks %q, want %q", name, s.Networks, want)
		}
	}
	var file struct {
		Networks map[string]struct {
			Internal bool `yaml:"internal"`
		} `yaml:"networks"`
	}
	if err := yaml.Unmarshal(read(t, "docker-compose.yml"), &file); err != nil || !file.Networks["redis"].Internal {
		t.Errorf("the network of redis reaches out: %v, %v", file.Networks, err)
	}
}

// exactImage names one build: a digest, or a version of three numbers.
var exactImage = regexp.MustCompile(`@sha256:|:v?\d+\.\d+\.\d+(-\w+)?$`)

// TestComposeServicesAreConfined holds for every service, those of others too.
func TestComposeServicesAreConfined(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t) {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("service %s: read_only %t, cap_drop %q, security_opt %q, cap_add %q, privileged %t: want a read-only one without capabilities and new privileges",
				name, s.ReadOnly, s.CapDrop, s.SecurityOpt, s.CapAdd, s.Privileged)
		}
		if s.Memory == "" || s.CPUs == 0 || s.PIDs == 0 {
			t.Errorf("service %s: mem_limit %q, cpus %v, pids_limit %d: want all three", name, s.Memory, s.CPUs, s.PIDs)
		}
		if !exactImage.MatchString(s.Image) && s.Image != "wxrollout:${VERSION:-dev}" {
			t.Errorf("service %s runs the image %s, want an exact tag or a digest", name, s.Image)
		}
	}
}

func TestComposePrograms(t *testing.T) {
	t.Parallel()
	services := compose(t)
	for _, name := range []string{"worker", "enqueue", "wxsim"} {
		s := services[name]
		if s.User != "" {
			t.Errorf("service %s: user %q, want the image's", name, s.User)
		}
		for _, v := range s.Volumes {
			if !strings.HasSuffix(v, ":ro") {
				t.Errorf("service %s can write to %q: the programs write no file", name, v)
			}
		}
		needs, _ := s.DependsOn.(map[string]any)
		if _, ok := needs["redis"]; ok == (name == "wxsim") {
			t.Errorf("service %s depends on %v", name, s.DependsOn)
		}
	}
	for name, s := range services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("service %s publishes %q to everybody: want 127.0.0.1", name, p)
			}
		}
	}
}

// secretName is a setting that holds a secret.
var secretName = regexp.MustCompile(`(SECRET|TICKET|KEY|TOKEN|PASSWORD)`)

// settings are the lines of an env file.
func settings(t *testing.T, name string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for line := range strings.Lines(string(read(t, name))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			key, v, _ := strings.Cut(line, "=")
			out[key] = v
		}
	}
	return out
}

// TestNoSecretIsCommitted: no service and no example has one, and those for the
// simulator are the simulator's own.
func TestNoSecretIsCommitted(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t) {
		for key, v := range s.Environment {
			if secretName.MatchString(key) && v != "" {
				t.Errorf("service %s: %s is set in docker-compose.yml: want it in an env file that git ignores", name, key)
			}
		}
	}
	for key, v := range settings(t, "deploy/worker.env.example") {
		if secretName.MatchString(key) && v != "" {
			t.Errorf("worker.env.example: %s has a value", key)
		}
	}
	want := map[string]string{
		"WXROLLOUT_WECHAT_URL":        "http://wxsim:8070",
		"WXROLLOUT_WECHAT_PLAIN_HTTP": "true",
		"WXROLLOUT_COMPONENT_APPID":   wxsim.DefaultComponentAppID,
		"WXROLLOUT_COMPONENT_SECRET":  wxsim.DefaultSecret,
		"WXROLLOUT_COMPONENT_TICKET":  wxsim.DefaultTicket,
		"WXROLLOUT_CALLBACK_TOKEN":    wxsim.DefaultToken,
		"WXROLLOUT_CALLBACK_AES_KEY":  wxsim.DefaultAESKey,
		"WXROLLOUT_SEAL_KEY":          strings.Repeat("A", 43) + "=", // 32 bytes of nothing
	}
	if diff := cmp.Diff(want, settings(t, "deploy/sim.env")); diff != "" {
		t.Errorf("deploy/sim.env (-simulator +file):\n%s", diff)
	}
}

// TestSettingsExist has the worker's own parser read what the files set: an
// unknown name or a bad value is an error there.
func TestSettingsExist(t *testing.T) {
	t.Parallel()
	services := compose(t)
	for _, service := range []string{"worker", "enqueue"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			env := settings(t, "deploy/sim.env")
			maps.Copy(env, settings(t, "deploy/sim-redis.env"))
			for key, v := range services[service].Environment {
				env[key] = v
			}
			var environ []string
			for key, v := range env {
				environ = append(environ, key+"="+v)
			}
			role := config.RoleWorker
			if service == "enqueue" {
				role = config.RoleOperator
			}
			if err := loadSettings(role, environ); err != nil {
				t.Error(err)
			}
		})
	}
	// The example lacks only what the operator has to fill in.
	for key := range settings(t, "deploy/worker.env.example") {
		if err := loadSettings(config.RoleWorker, []string{key + "=x"}); err != nil && strings.Contains(err.Error(), key+": no such setting") {
			t.Errorf("worker.env.example: %s is no setting", key)
		}
	}
}

// loadSettings is what a program does with its environment.
func loadSettings(role config.Role, environ []string) error {
	var cfg config.Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(fs, &cfg, role)
	return config.Load(fs, &cfg, role, environ, config.OpenFile)
}

// TestSimulatorSettingsExist: the names are those of cmd/wxsim's flags.
func TestSimulatorSettingsExist(t *testing.T) {
	t.Parallel()
	flags := string(read(t, "cmd/wxsim/config.go"))
	for key := range compose(t)["wxsim"].Environment {
		flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, "WXSIM_")), "_", "-")
		if !strings.Contains(flags, `"`+flag+`"`) {
			t.Errorf("service wxsim: %s is no setting: cmd/wxsim has no flag --%s", key, flag)
		}
	}
}

// TestImageHasThePrograms: every entrypoint of the compose file is a program
// that the Dockerfile builds.
func TestImageHasThePrograms(t *testing.T) {
	t.Parallel()
	dockerfile := string(read(t, "Dockerfile"))
	for name, s := range compose(t) {
		for _, program := range s.Entrypoint {
			if !strings.Contains(dockerfile, "./cmd"+program+"\n") && !strings.Contains(dockerfile, "./cmd"+program+" ") {
				t.Errorf("service %s runs %s, which the Dockerfile doesn't build", name, program)
			}
		}
	}
	mod := string(read(t, "go.mod"))
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(mod)
	if goVersion == nil || !strings.Contains(dockerfile, "golang:"+goVersion[1]) {
		t.Errorf("the Dockerfile builds with another Go than go.mod's %q", goVersion)
	}
	_, last, _ := strings.Cut(dockerfile, "\nFROM scratch\n")
	if strings.Contains(last, "\nRUN ") || strings.Contains(last, "\nFROM ") || strings.Count(last, "\nUSER ") != 1 || strings.Contains(last, "\nVOLUME ") {
		t.Errorf("the image isn't programs, certificates and a user from scratch:\n%s", last)
	}
	for _, want := range []string{"FROM scratch", "USER 65532", "ca-certificates.crt", "timetzdata"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}

// TestWorkflowRunsCI: the hosted CI runs .ci/run on the current and the previous Go release.
func TestWorkflowRunsCI(t *testing.T) {
	t.Parallel()
	var workflow struct {
		Jobs map[string]struct {
			Strategy struct {
				Matrix struct {
					Go []string `yaml:"go"`
				} `yaml:"matrix"`
			} `yaml:"strategy"`
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(read(t, ".github/workflows/ci.yml"), &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow.Jobs["ci"]
	if got := job.Strategy.Matrix.Go; !slices.Equal(got, []string{"stable", "oldstable"}) {
		t.Errorf("CI runs on Go %v, want the current and the previous release", got)
	}
	runs := 0
	for _, s := range job.Steps {
		if s.Run == ".ci/run" {
			runs++
		}
	}
	if runs != 1 {
		t.Errorf("CI runs .ci/run %d times, want once", runs)
	}
}
