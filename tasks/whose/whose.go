// Package whose decides whose a version or a submission is that was read at WeChat: this rollout's,
// another's, or unknown. It is pure.
package whose

import (
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Fact is whose a thing is that was read back. No call, end or blame follows from unknown.
type Fact int

// The facts. Unknown is the zero value: it was not read.
const (
	Unknown Fact = iota
	None
	Ours
	Anothers
)

// Mark distinguishes a target's own versions from others' by the texts of their commit.
type Mark struct {
	Rollout  string
	Revision int
	Version  string // of this revision
	Desc     string // of this revision
}

// Of is whose a version with these texts is. A blank text shows nothing; a version name that is not
// ours makes it another's even without a description.
func (m Mark) Of(version, desc string) Fact {
	switch {
	case desc != "" && desc != m.Desc, version != "" && version != m.Version:
		return Anothers
	case desc == "":
		return Unknown
	default:
		return Ours
	}
}

// Ever is [Mark.Of] for every revision of the plan so far; the marker is enough.
func (m Mark) Ever(version, desc string) Fact {
	for revision := range m.Revision + 1 {
		if strings.HasSuffix(desc, rollout.Marker(m.Rollout, revision)) {
			return Ours
		}
	}
	switch {
	case desc != "", version != "" && version != m.Version && m.Revision == 0:
		return Anothers
	default:
		return Unknown
	}
}

// Trial is whose the trial version is.
func Trial(m Mark, v wxclient.VersionInfo) Fact {
	if v.Exp == nil {
		return None
	}
	return m.Of(v.Exp.Version, v.Exp.Desc)
}

// Live is whose the live version is. WeChat does not document that an app without a live version
// was never released: a reply with neither version shows nothing.
func Live(m Mark, v wxclient.VersionInfo) Fact {
	switch {
	case v.Release != nil:
		return m.Of(v.Release.Version, v.Release.Desc)
	case v.Exp == nil:
		return Unknown
	default:
		return None
	}
}

// Audit is whose a submission is. An equal id proves it and another id denies it; the texts
// count only where one of the ids is not known.
func Audit(m Mark, known int64, a wxclient.Audit) Fact {
	switch {
	case known == 0 || a.ID == 0:
		return m.Of(a.Version, a.Desc)
	case a.ID == known:
		return Ours
	default:
		return Anothers
	}
}

// Gray is whose a gray release is. WeChat names no version: it is the one that passed last when
// the gray release began. began is set if this target has begun one.
func Gray(g wxclient.GrayPlan, last Fact, lastPassed, began bool) Fact {
	switch {
	case !g.Exists || g.Status != wxclient.GrayRunning && g.Status != wxclient.GrayPaused:
		return None
	case lastPassed:
		return last
	case began:
		return Ours
	default:
		return Unknown
	}
}
