package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// streams are where a command reads and writes: data goes to out, talk to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// inTTY, outTTY and errTTY tell whether a person is there.
	inTTY, outTTY, errTTY bool
	// size is the columns and lines of the terminal, at least 40 by 5.
	size func() (width, height int)
}

// newStreams looks at what the streams are.
func newStreams(in io.Reader, out, err io.Writer) streams {
	s := streams{in: in, out: out, err: err, inTTY: isTerminal(in), outTTY: isTerminal(out), errTTY: isTerminal(err)}
	s.size = func() (int, int) {
		if f, ok := out.(*os.File); ok {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil {
				return max(40, w), max(5, h)
			}
		}
		return 100, 50
	}
	return s
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// talk tells a person something. That nobody hears it is no error.
func (s streams) talk(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, format, args...)
}

// print writes data.
func (s streams) print(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format, args...)
	return err
}

// many is how many targets a change may reach before it wants a confirmation.
const many = 50

// confirm asks a person before a change that reaches more than many targets; a
// script has to say --yes.
func (s streams) confirm(yes bool, targets int, what string) error {
	return s.agree(yes, targets, what+" reaches "+plural(targets, "target"))
}

// confirmRepair is confirm for a repair of findings.
func (s streams) confirmRepair(yes bool, findings int) error {
	return s.agree(yes, findings, "the repair fixes "+plural(findings, "finding"))
}

// confirmDeletion asks before any deletion of templates: nothing brings them back.
func (s streams) confirmDeletion(yes bool, templates int) error {
	return s.agree(yes, many+templates, "deleting "+plural(templates, "template")+" can't be undone")
}

func (s streams) agree(yes bool, n int, what string) error {
	if yes || n <= many {
		return nil
	}
	if !s.inTTY || !s.errTTY {
		return &needsYesError{what + ": add --yes to do it, or --dry-run to look first"}
	}
	s.talk("%s. Do it? [y/N] ", what)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		s.talk("nothing was done\n")
		return &statusError{exitError}
	}
}

// count writes a number with commas: 12,345.
func count[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is "1 target" or "2 targets".
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}
