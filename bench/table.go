package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// line is one line of the table.
type line struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Ours and Base are medians; Base is 0 if there is nothing to compare with.
	Ours float64 `json:"ours"`
	Base float64 `json:"base,omitempty"`
	// Against names what Base measures.
	Against string `json:"against,omitempty"`
	// Ratio is the median of the rounds' ratios, Low and High their ends.
	Ratio float64 `json:"ratio,omitempty"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
	// Goal bounds the ratio, or Ours if there is none: an operator, a number, and a unit. Met says
	// whether it holds.
	Goal string `json:"goal,omitempty"`
	Met  *bool  `json:"met,omitempty"`
}

// measure is one side of a pair.
type measure func() (float64, error)

// pair measures both sides alternately in every round. It adds their line, and one for the CPU time of
// this process and Redis, which other programs disturb less.
func (b *bench) pair(l line, ours, base measure) error {
	var us, them, ourCPU, theirCPU []float64
	for range b.rounds {
		x, spent, err := b.timed(base)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Against, err)
		}
		them, theirCPU = append(them, x), append(theirCPU, spent)
		if x, spent, err = b.timed(ours); err != nil {
			return err
		}
		us, ourCPU = append(us, x), append(ourCPU, spent)
	}
	l.compare(us, them, func(our, their float64) float64 { return our / their })
	b.add(l)
	c := line{Name: "  CPU of it, worker and Redis", Unit: "s", Against: l.Against}
	c.compare(ourCPU, theirCPU, func(our, their float64) float64 { return their / our }) // as above: more is better
	b.add(c)
	return nil
}

// compare fills in medians and the rounds' ratios.
func (l *line) compare(us, them []float64, ratio func(our, their float64) float64) {
	ratios := make([]float64, len(us))
	for i := range us {
		ratios[i] = ratio(us[i], them[i])
	}
	l.Ours, l.Base, l.Ratio = median(us), median(them), median(ratios)
	l.Low, l.High = slices.Min(ratios), slices.Max(ratios)
}

// timed measures, and returns the seconds of CPU it took.
func (b *bench) timed(m measure) (value, seconds float64, err error) {
	before := cpuOf(b.redis)
	value, err = m()
	return value, cpuOf(b.redis).since(before).Seconds(), err
}

// against compares Ours with one other figure.
func (l *line) against(name string, base float64, goal string) {
	l.Against, l.Base, l.Goal = name, base, goal
	l.Ratio = l.Ours / base
	l.Low, l.High = l.Ratio, l.Ratio
}

// add judges a line by its goal and appends it.
func (b *bench) add(l line) {
	if l.Goal != "" {
		met := meets(l.Goal, cmp.Or(l.Ratio, l.Ours))
		l.Met = &met
	}
	b.lines = append(b.lines, l)
}

// meets reports whether a value is within a goal such as "< 1 s".
func meets(goal string, x float64) bool {
	var op string
	var bound float64
	if _, err := fmt.Sscanf(goal, "%s %g", &op, &bound); err != nil {
		panic(fmt.Sprintf("bench: goal %q: %v", goal, err))
	}
	return x < bound && op[0] == '<' || x > bound && op[0] == '>' || x == bound && strings.HasSuffix(op, "=")
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func (b *bench) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tours\tagainst\tbase\tratio\tspread\tgoal\tmet")
	for _, l := range b.lines {
		ratio, spread, base, met := "-", "-", "-", "-"
		if l.Base != 0 {
			base = number(l.Base)
		}
		if l.Ratio != 0 {
			ratio, spread = fmt.Sprintf("%.2f", l.Ratio), fmt.Sprintf("%.2f-%.2f", l.Low, l.High)
		}
		if l.Met != nil {
			met = map[bool]string{true: "yes", false: "no"}[*l.Met]
		}
		fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, number(l.Ours), l.Unit, cmp.Or(l.Against, "-"), base, ratio, spread, cmp.Or(l.Goal, "-"), met)
	}
	_ = t.Flush() // a terminal that is gone needs no table
}

func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.3f", x)
	}
}
