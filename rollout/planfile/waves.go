package planfile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// wavesMax bounds the waves of a plan; a wave is something a person looks at.
const wavesMax = 100

// WaveSpec is a wave as a plan writes it; Freeze resolves its size.
type WaveSpec struct {
	// Name is unique in the plan.
	Name string
	// Size is how many of the targets it takes.
	Size Size
	// Parallel starts it together with the wave before, and not after it.
	Parallel bool
	// Approve holds the next wave until an operator promotes it.
	Approve bool
	// RejectAbove is a share, more than 0 and less than 1; 0 means no such rule.
	RejectAbove float64
	// DelayAbove is a share, more than 0 and at most 1; 0 means that any delayed
	// audit fails the gate.
	DelayAbove float64
	// MinJudged is how many targets need a verdict before the share counts; 0
	// means all of the wave.
	MinJudged int
}

// judges reports whether the wave has a rule, so that the next one waits for a gate.
func (w WaveSpec) judges() bool {
	return w.Approve || w.RejectAbove > 0 || w.DelayAbove > 0 || w.MinJudged > 0
}

// Size is a number of targets, a share of them, or (the zero Size) the rest.
type Size struct {
	count int // targets
	milli int // thousandths of a percent
}

// perWhole is how many thousandths of a percent make the whole.
const perWhole = 100 * 1000

// Rest reports whether it takes what the waves before left over.
func (s Size) Rest() bool { return s == Size{} }

// Of is how many of total targets it asks for, at least 1; a share is rounded
// up. It is 0 for the rest.
func (s Size) Of(total int) int {
	if s.milli > 0 {
		return (total*s.milli + perWhole - 1) / perWhole
	}
	return s.count
}

// String is the size as a plan writes it, "rest" for the rest.
func (s Size) String() string {
	switch {
	case s.milli > 0:
		return strconv.FormatFloat(float64(s.milli)/1000, 'f', -1, 64) + "%"
	case s.count > 0:
		return strconv.Itoa(s.count)
	default:
		return "rest"
	}
}

// parsePercent reads "10%" or "0.5%" as thousandths of a percent.
func parsePercent(text string) (milli int, ok bool) {
	number, ok := strings.CutSuffix(text, "%")
	whole, part, dotted := strings.Cut(number, ".")
	if !ok || whole == "" || len(whole) > 3 || len(part) > 3 || dotted && part == "" {
		return 0, false
	}
	for _, c := range whole + (part + "000")[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		milli = milli*10 + int(c-'0')
	}
	return milli, milli > 0 && milli <= perWhole
}

// item reads the i-th entry of a list as a mapping.
func (o *object) item(list string, i int, node ast.Node) *object {
	return o.r.object(fmt.Sprintf("%s[%d]", o.key(list), i), node.GetToken().Position, node)
}

// readWaves reads the section waves; absent, everything is one wave.
func readWaves(top *object) []WaveSpec {
	nodes, ok := top.list("waves", "want a list, such as [{name: canary, size: 20}, {name: rest}]")
	if !ok {
		return []WaveSpec{{Name: "all"}}
	}
	if len(nodes) == 0 || len(nodes) > wavesMax {
		top.fault("waves", "", "has %d waves, want 1 to %d", len(nodes), wavesMax)
		return nil
	}
	waves := make([]WaveSpec, len(nodes))
	named := make(map[string]int)
	for i, node := range nodes {
		o := top.item("waves", i, node)
		w := readWave(o, i == len(nodes)-1)
		shares := 0
		for _, before := range waves[:i] {
			shares += before.Size.milli
		}
		if shares >= perWhole {
			o.fault("size", w.Size.String(), "wave %s can never hold a target: the waves before it take 100%% or more", w.Name)
		}
		switch {
		case w.Parallel && i == 0:
			o.fault("parallel", "true", "is for a wave that starts together with the one before it, and this is the first")
		case w.Parallel && waves[i-1].judges():
			o.fault("parallel", "true", "wave %s before it has a gate, which decides when this one starts: leave one of them out", waves[i-1].Name)
		}
		if first, twice := named[w.Name]; twice && w.Name != "" {
			o.fault("name", w.Name, "is also the name of waves[%d]", first)
		} else {
			named[w.Name] = i
		}
		waves[i] = w
	}
	return waves
}

// readWave reads one wave.
func readWave(o *object, last bool) WaveSpec {
	var w WaveSpec
	if w.Name = o.text("name"); w.Name == "" {
		o.missing("name", "want a word, such as canary")
	} else if !nameRule.MatchString(w.Name) {
		o.fault("name", w.Name, nameWant)
	}
	w.Size = readSize(o, last)
	w.Parallel = o.boolean("parallel")
	if o.has("hold") {
		switch hold := o.text("hold"); {
		case hold != "approve":
			o.fault("hold", hold, "want approve%s", filefault.Suggest(hold, []string{"approve"}))
		case last:
			o.fault("hold", hold, "holds the wave after this one, and this is the last: put it on the wave before")
		}
		w.Approve = true
	}
	if o.has("reject_above") {
		text := o.text("reject_above")
		milli, ok := parsePercent(text)
		if !ok || milli == perWhole {
			o.fault("reject_above", text, `want a percentage between 0%% and 100%%, such as "8%%"`)
		}
		w.RejectAbove = float64(milli) / perWhole
	}
	if o.has("delay_above") {
		text := o.text("delay_above")
		milli, ok := parsePercent(text)
		if !ok {
			o.fault("delay_above", text, `want a percentage above 0%% and up to 100%%, such as "5%%"`)
		}
		w.DelayAbove = float64(milli) / perWhole
	}
	n, ok := o.integer("min_judged", 1, applist.RowsMax)
	if w.MinJudged = int(n); ok && w.Size.count > 0 && w.MinJudged > w.Size.count {
		o.fault("min_judged", strconv.Itoa(w.MinJudged), "is more than the wave's size %d", w.Size.count)
	}
	o.done()
	return w
}

// readSize reads a wave's size, which only the last wave may leave out.
func readSize(o *object, last bool) Size {
	if !o.has("size") {
		if !last {
			o.missing("size", `want a number of targets or a share such as "10%": only the last wave may take the rest`)
		}
		return Size{}
	}
	text := o.text("size")
	if milli, ok := parsePercent(text); ok {
		return Size{milli: milli}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > applist.RowsMax {
		o.fault("size", text, `want a number of targets from 1 to %d, or a share such as "10%%"`, applist.RowsMax)
		return Size{}
	}
	return Size{count: n}
}

// resolve gives each wave its number of targets. Shares are of total; what
// exceeds the targets is cut from the end, and waves left with none are dropped.
// left is how many targets no wave takes.
func resolve(specs []WaveSpec, total int) (waves []rollout.Wave, left int) {
	left = total
	for i, spec := range specs {
		n := min(spec.Size.Of(total), left)
		if spec.Size.Rest() {
			n = left
		}
		if left -= n; n == 0 {
			continue
		}
		waves = append(waves, rollout.Wave{
			Name: spec.Name, Size: n,
			Approve: spec.Approve, RejectAbove: spec.RejectAbove, DelayAbove: spec.DelayAbove, MinJudged: spec.MinJudged,
			Sequential: i+1 < len(specs) && !spec.judges() && !specs[i+1].Parallel,
		})
	}
	if n := len(waves); n > 0 {
		waves[n-1].Sequential = false
	}
	return waves, left
}

// checkWaves reports the waves that hold none of total targets. A schedule that chooses its apps at each
// run has no fixed number: there, a run leaves out the waves that get none.
func (f *File) checkWaves(total int) (faults filefault.Faults) {
	if f.Schedule != "" && f.Targets.Registry() {
		return nil
	}
	waves, _ := resolve(f.Waves, total)
	for i := len(waves); i < len(f.Waves); i++ {
		w, key := f.Waves[i], fmt.Sprintf("waves[%d]", i)
		faults = append(faults, filefault.Fault{File: f.Path, Line: f.lines[key+".name"], Key: key, Value: w.Size.String(),
			Msg: fmt.Sprintf("wave %s holds no target: the waves before it take all %d", w.Name, total)})
	}
	return faults
}

// waveOf returns which wave the n-th target (from 0) is in, and which one of the
// wave it is (from 0). ok is false when the plan has no such target.
func waveOf(plan rollout.Plan, n int) (wave, place int, ok bool) {
	if n < 0 {
		return 0, 0, false
	}
	for i, w := range plan.Waves {
		if n < w.Size {
			return i, n, true
		}
		n -= w.Size
	}
	return 0, 0, false
}
