package planfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// File is a plan as it was written, with defaults filled in. Freeze makes a
// rollout.Plan of it once the number of targets and the template are known.
type File struct {
	// Path is the name it was read under.
	Path string
	// Name is the rollout's name: lowercase letters, digits and dashes, at most 40.
	Name string
	// Template is what every target gets.
	Template TemplateSpec
	// Targets says which apps, and in which order.
	Targets TargetsSpec
	// Ext is the ext.json template; nil when the plan has none.
	Ext *extjson.Template
	// Audit, Release and Quota are complete as they are.
	Audit   rollout.AuditPolicy
	Release rollout.ReleasePolicy
	Quota   rollout.QuotaPolicy
	// Conflict says who goes first where several rollouts want one app.
	Conflict Conflict
	// Deadline bounds how long targets wait; zero is the default.
	Deadline rollout.Deadlines
	// Configure is the app configuration that comes with the code; nil when the plan has none.
	Configure *Configure
	// Waves are in order, at least one.
	Waves []WaveSpec
	// Start is when to begin; zero means at once, or by Schedule.
	Start time.Time
	// Schedule repeats the rollout: "CRON_TZ=<zone> m h dom mon dow", always with
	// its zone; "" means once.
	Schedule string

	open  func(path string) ([]byte, error)
	lines map[string]int // line of each key, for later checks
	text  []byte         // the plan as it was read
}

// Registry reports whether the apps come from the registry and not from a file.
func (t TargetsSpec) Registry() bool { return t.File == "" }

// TemplateSpec names the template, or asks for the newest.
type TemplateSpec struct {
	// Latest takes the newest entry of the template library when the plan is
	// applied; ID is then 0 and Version, Desc may be "".
	Latest bool
	// ID is the template's; 0 is a valid one.
	ID int64
	// Version is what users see, at most 64 characters.
	Version string
	// Desc begins the version's description, at most 200 characters.
	Desc string
}

// Pinned is the template of a plan that names one; look the newest up if Latest.
func (t TemplateSpec) Pinned() rollout.Template {
	return rollout.Template{ID: t.ID, Version: t.Version, Desc: t.Desc}
}

// TargetsSpec says which apps a plan is for.
type TargetsSpec struct {
	// File is the app list as the plan names it; "" for the apps of the registry.
	File string
	// All means every app that authorized the platform.
	All bool
	// Select keeps the apps that match, by their columns, or without a file by what
	// the registry knows of them.
	Select selector.Selector
	// Order is a column, "-column" for the highest first, or "" for the list's order.
	Order string
}

// Read reads the plan at path and the ext template it names; relative names are
// looked up in the plan's folder. All faults come at once, as Faults; any other
// error is about reading path itself.
func Read(path string) (*File, error) {
	data, err := filefault.ReadFile(path, planMax)
	if err != nil {
		return nil, fmt.Errorf("read plan: %s: %w", path, err)
	}
	within := func(limit int64) func(string) ([]byte, error) {
		return func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			return filefault.ReadFile(name, limit)
		}
	}
	f, err := Parse(path, data, within(extjson.Max))
	if err != nil {
		return nil, err
	}
	f.open = within(applist.BytesMax)
	return f, nil
}

// Parse reads a plan from data. name stands for it in faults; open reads the
// files the plan names, by the names it uses: the ext template now, the app list
// in ReadApps. The error is Faults.
func Parse(name string, data []byte, open func(path string) ([]byte, error)) (*File, error) {
	return newReader(name).read(data, open)
}

func newReader(file string) *reader {
	return &reader{file: file, lines: make(map[string]int), asked: make(map[string]bool)}
}

// read reads a plan: see Parse.
func (r *reader) read(data []byte, open func(path string) ([]byte, error)) (*File, error) {
	body := r.parseYAML(data)
	if body == nil {
		return nil, r.faults.Err()
	}
	f := &File{Path: r.file, open: open, lines: r.lines, text: data}
	top := r.object("", body.GetToken().Position, body)
	if f.Name = top.text("name"); f.Name == "" {
		top.missing("name", "want a word for the rollout, such as spring")
	} else if !nameRule.MatchString(f.Name) {
		top.fault("name", f.Name, "%s", nameWant)
	}
	f.Template = readTemplate(top)
	f.Targets = readTargets(top)
	f.Ext = readExt(top, open)
	f.Configure = readConfigure(top)
	f.Audit = readAudit(top)
	f.Waves = readWaves(top)
	f.Release = readRelease(top)
	f.Quota = readQuota(top)
	f.Conflict = readConflict(top)
	f.Deadline = readDeadline(top)
	f.Start, f.Schedule = readTimes(top)
	top.done()
	r.faults.Sort(r.file)
	if err := r.faults.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// fault is a fault of a key that could be judged only after reading.
func (f *File) fault(key, value, format string, args ...any) filefault.Faults {
	return filefault.Faults{{File: f.Path, Line: f.lines[key], Key: key, Value: value, Msg: fmt.Sprintf(format, args...)}}
}

// ErrAllApps is what ReadApps gives for a plan without targets.file: the apps come
// from the registry; hand them to Choose.
var ErrAllApps = errors.New("the plan takes the apps of the registry: it names no app list")

// ReadApps reads the plan's app list, selected and in order. The error is Faults,
// or ErrAllApps.
func (f *File) ReadApps() (*applist.Apps, error) {
	if f.Targets.Registry() {
		return nil, ErrAllApps
	}
	data, err := f.open(f.Targets.File)
	if err != nil {
		return nil, f.fault("targets.file", f.Targets.File, "can't be read: %v", reason(err))
	}
	apps, err := applist.Read(f.Targets.File, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return f.Arrange(apps)
}

// Arrange selects and orders apps as the plan says. The error is Faults.
func (f *File) Arrange(apps *applist.Apps) (*applist.Apps, error) {
	selected, err := apps.Select(f.Targets.Select)
	if err != nil {
		return nil, f.fault("targets.select", f.Targets.Select.String(), "%v", err)
	}
	if selected.Len() == 0 {
		return nil, f.fault("targets.select", f.Targets.Select.String(), "matches none of the %d apps in %s", apps.Len(), apps.Name())
	}
	ordered, err := selected.Order(f.Targets.Order)
	if err != nil {
		return nil, f.fault("targets.order", f.Targets.Order, "%v", err)
	}
	return ordered, nil
}

// Choose makes the plan's list of apps that were selected elsewhere, from of apps of
// the registry, in the plan's order. name stands for the registry in faults. The
// error is Faults.
func (f *File) Choose(name string, selected []applist.App, of int) (*applist.Apps, error) {
	if len(selected) == 0 && f.Targets.Select.Empty() {
		return nil, f.fault("targets", "", "there are no apps in %s", name)
	}
	if len(selected) == 0 {
		return nil, f.fault("targets.select", f.Targets.Select.String(), "matches none of the %d apps in %s", of, name)
	}
	ordered, err := applist.New(name, selected).Order(f.Targets.Order)
	if err != nil {
		return nil, f.fault("targets.order", f.Targets.Order, "%v", err)
	}
	return ordered, nil
}

// reason is why a file can't be read, without its path, which the plan has in its own words.
func reason(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
