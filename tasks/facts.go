package tasks

import (
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// fact is whose a thing is that was read back. No call, end or blame follows from unknown.
type fact int

// The facts. The zero value was not read.
const (
	unknown fact = iota
	none
	ours
	anothers
)

// mark distinguishes a target's own versions from others' by the texts of their commit.
type mark struct {
	rollout  string
	revision int
	version  string // of this revision
	desc     string // of this revision
}

func (r *run) mark() mark {
	return mark{rollout: r.assignment.Rollout, revision: r.t.Revision, version: r.plan.Template.Version, desc: r.plan.Desc(r.assignment.Rollout, r.t.Revision)}
}

// of is whose a version with these texts is. A blank text shows nothing; a version name that is not
// ours makes it another's even without a description.
func (m mark) of(version, desc string) fact {
	switch {
	case desc != "" && desc != m.desc, version != "" && version != m.version:
		return anothers
	case desc == "":
		return unknown
	default:
		return ours
	}
}

// ever is of for every revision of the plan so far; the marker is enough.
func (m mark) ever(version, desc string) fact {
	for revision := range m.revision + 1 {
		if strings.HasSuffix(desc, rollout.Marker(m.rollout, revision)) {
			return ours
		}
	}
	switch {
	case desc != "", version != "" && version != m.version && m.revision == 0:
		return anothers
	default:
		return unknown
	}
}

// trialFact is whose the trial version is.
func trialFact(m mark, v wxclient.VersionInfo) fact {
	if v.Exp == nil {
		return none
	}
	return m.of(v.Exp.Version, v.Exp.Desc)
}

// liveFact is whose the live version is. WeChat does not document that an app without a live version
// was never released: a reply with neither version shows nothing.
func liveFact(m mark, v wxclient.VersionInfo) fact {
	switch {
	case v.Release != nil:
		return m.of(v.Release.Version, v.Release.Desc)
	case v.Exp == nil:
		return unknown
	default:
		return none
	}
}

// auditFact is whose a submission is. An equal id proves it and another id denies it; the texts
// count only where one of the ids is not known.
func auditFact(m mark, known int64, a wxclient.Audit) fact {
	switch {
	case known == 0 || a.ID == 0:
		return m.of(a.Version, a.Desc)
	case a.ID == known:
		return ours
	default:
		return anothers
	}
}

// grayFact is whose a gray release is. WeChat names no version: it is the one that passed last when
// the gray release began. began is set if this target has begun one.
func grayFact(g wxclient.GrayPlan, last fact, lastPassed, began bool) fact {
	switch {
	case !g.Exists || g.Status != wxclient.GrayRunning && g.Status != wxclient.GrayPaused:
		return none
	case lastPassed:
		return last
	case began:
		return ours
	default:
		return unknown
	}
}
