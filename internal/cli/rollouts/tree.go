package rollouts

import (
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// treeViewer draws snapshots over each other.
type treeViewer struct {
	env   *command.Env
	lines int // of the last drawing
	note  string
}

func (v *treeViewer) show(s operator.Snapshot) error {
	v.note = ""
	return v.draw(treeOf(s, v.env.Now()))
}

// lastError stays below the tree until the next snapshot.
func (v *treeViewer) lastError(err error) {
	width, _ := v.env.Size()
	_ = term.Draw(v.env.Err, "\r\x1b[K%s", human.Shorten(err.Error(), width-1))
	v.note = "?"
}

func (v *treeViewer) end() {
	if v.note != "" {
		v.env.Talk("\n")
	}
}

// draw replaces the last drawing. It cuts lines to the width and height of the terminal:
// a wrapped or scrolled line would misplace the next drawing.
func (v *treeViewer) draw(lines []string) error {
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", v.lines)
	}
	width, height := v.env.Size()
	lines = lines[:min(len(lines), height-1)]
	for _, line := range lines {
		b.WriteString("\x1b[K" + human.Shorten(line, width-1) + "\n")
	}
	b.WriteString("\x1b[J")
	v.lines = len(lines)
	return term.Draw(v.env.Out, "%s", b.String())
}

// treeOf returns the lines of a snapshot.
func treeOf(s operator.Snapshot, now time.Time) []string {
	head := fmt.Sprintf("%s  %s  %s/%s ended (%s)", s.ID, s.StatusText(), human.Count(s.Done), human.Count(s.Total), human.Percent(s.Done, s.Total))
	if !s.Started.IsZero() {
		end := now
		if !s.Ended.IsZero() {
			end = s.Ended
		}
		head += "  " + human.Duration(end.Sub(s.Started))
	}
	// A low terminal cuts the end off: what decides comes first.
	branches := []branch{
		{"halted", haltLines(s)},
		{"waits", waitLines(s)},
		{"workers", workerLines(s)},
		{"template", []string{fmt.Sprintf("%d version %s", s.Template.ID, s.Template.Version)}},
		{"pace", paceLines(s)},
		{"stages", stageLines(s)},
		{"waves", waveLines(s)},
		{"parked", parkedLines(s)},
		{"ends", endLines(s)},
		{"pools", poolLines(s, now)},
	}
	lines := []string{head}
	for _, b := range branches {
		lines = append(lines, b.draw()...)
	}
	return lines
}

// branch is a part of the tree. Without lines it is not drawn.
type branch struct {
	name  string
	lines []string
}

func (b branch) draw() []string {
	var out []string
	for i, line := range b.lines {
		name := ""
		if i == 0 {
			name = b.name
		}
		out = append(out, fmt.Sprintf("  %-9s %s", name, line))
	}
	return out
}

// haltLines are the reasons why nothing moves.
func haltLines(s operator.Snapshot) []string {
	if s.Halted == "" {
		return nil
	}
	return []string{s.Halted}
}

func paceLines(s operator.Snapshot) []string {
	if s.Status.Ended() {
		return nil
	}
	text := "unknown yet"
	if s.PerMinute != nil {
		text = human.Rate(*s.PerMinute) + " targets a minute"
	}
	switch {
	case s.ETA.Unknown != "":
		text += "; no estimate of the end: " + s.ETA.Unknown
	case s.ETA.Left > 0:
		text += "; ends in about " + human.Duration(s.ETA.Left)
	}
	return []string{text}
}

// stageCells is the length of the bar of a stage.
const stageCells = 20

func stageLines(s operator.Snapshot) []string {
	lines := make([]string, 0, len(s.Stages))
	for _, st := range s.Stages {
		line := fmt.Sprintf("%-9s %s %7s passed", st.Stage, term.Cells(st.Passed, s.Total, stageCells), human.Count(st.Passed))
		for _, part := range []struct {
			n    int
			what string
		}{{st.Running, "running"}, {st.Pending, "pending"}, {st.Parked, "parked"}, {st.Bad, "bad"}} {
			if part.n > 0 {
				line += fmt.Sprintf(", %s %s", human.Count(part.n), part.what)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// wavesMax is how many waves are drawn, waveWidth the columns of a name.
const (
	wavesMax  = 6
	waveWidth = 16
)

func waveLines(s operator.Snapshot) []string {
	if len(s.Waves) == 0 {
		return nil
	}
	// Of many waves those that ended are one line.
	shown, ended := s.Waves, 0
	for len(shown) > wavesMax && shown[0].Done == shown[0].Size {
		shown, ended = shown[1:], ended+1
	}
	var rows [][]string
	if ended > 0 {
		rows = append(rows, []string{human.Plural(ended, "wave"), "ended before"})
	}
	for _, w := range shown[:min(len(shown), wavesMax)] {
		line := fmt.Sprintf("%s/%s ended", human.Count(w.Done), human.Count(w.Size))
		if w.Bad > 0 {
			line += fmt.Sprintf(", %s bad", human.Count(w.Bad))
		}
		if !w.Open {
			line += ", not open"
		}
		if w.Gate != "" {
			line += fmt.Sprintf("; gate %s", w.Gate)
			if w.GateWhy != "" {
				line += ": " + w.GateWhy
			}
		}
		rows = append(rows, []string{human.Shorten(w.Name, waveWidth), line})
	}
	if more := len(shown) - wavesMax; more > 0 {
		rows = append(rows, []string{human.Plural(more, "wave"), "not shown: enqueue get targets " + s.ID + " --wave NAME"})
	}
	return strings.Split(strings.TrimSuffix(human.Table(nil, rows), "\n"), "\n")
}

func parkedLines(s operator.Snapshot) []string {
	var lines []string
	for _, reason := range rollout.Reasons() {
		if n := s.Parked[reason]; n > 0 {
			lines = append(lines, fmt.Sprintf("%7s %-8s %s", human.Count(n), reason, view.ReasonWords(reason)))
		}
	}
	return lines
}

func endLines(s operator.Snapshot) []string {
	var parts []string
	for _, state := range rollout.States() {
		if n := s.States[state]; n > 0 && state.Ended() {
			parts = append(parts, fmt.Sprintf("%s %s", human.Count(n), state))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{strings.Join(parts, ", ")}
}

func poolLines(s operator.Snapshot, now time.Time) []string {
	var lines []string
	if s.Limit != nil {
		lines = append(lines, s.Limit.String())
	}
	for _, p := range s.Pools {
		line := fmt.Sprintf("%s %s", p.Stage, p.State)
		if p.Known {
			line += fmt.Sprintf(", %s of %s submissions left", human.Count(p.Rest), human.Count(p.Limit))
		}
		if p.Words != "" {
			line += ": " + p.Words
		}
		if !p.Open() && p.RetryAt.After(now) {
			line += "; next try in " + human.Duration(p.RetryAt.Sub(now))
		}
		lines = append(lines, line)
		if next := p.Next(); next != "" {
			lines = append(lines, next)
		}
	}
	return lines
}

// workerLines name the queues without workers.
func workerLines(s operator.Snapshot) []string {
	if s.Status.Ended() {
		return nil
	}
	var lack []string
	for _, queueName := range rollout.QueueNames() {
		if s.Workers[queueName] == 0 {
			lack = append(lack, string(queueName))
		}
	}
	if len(lack) == 0 {
		return nil
	}
	return []string{"no worker serves " + strings.Join(lack, ", ") + ": start one"}
}

func waitLines(s operator.Snapshot) []string {
	if s.Blocked == "" {
		return nil
	}
	return append([]string{s.Blocked}, s.GateAdvice()...)
}
