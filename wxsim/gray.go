package wxsim

import "time"

// States of a gray plan, as getgrayreleaseplan gives them.
const (
	grayRunning  = 1
	grayFinished = 3
	grayDeleted  = 4
)

// grayPlan is a release to a share of the users.
type grayPlan struct {
	audit     *audit
	status    int
	at        time.Time
	percent   int64
	debuggers bool
	testers   bool
}

// grayRelease plays grayrelease: each further call must widen the plan.
func (c *call) grayRelease() reply {
	percent, ok := c.f.number("gray_percentage", false)
	debuggers, ok2 := c.f.flag("support_debuger_first")
	testers, ok3 := c.f.flag("support_experiencer_first")
	a, au := c.app, c.approved()
	running := a.gray != nil && a.gray.status == grayRunning
	switch {
	case !ok || !ok2 || !ok3:
		return failure(40097)
	case percent < 0 || percent > 100 || percent == 0 && !debuggers && !testers:
		return failure(85081)
	case a.live == nil:
		return failure(85079)
	case au == nil || au.released || au != a.latest():
		return failure(85080)
	case running && a.gray.audit == au && percent <= a.gray.percent:
		return failure(85082)
	}
	if !running || a.gray.audit != au {
		a.gray = &grayPlan{audit: au, at: c.now, status: grayRunning}
	}
	a.gray.percent, a.gray.debuggers, a.gray.testers = percent, debuggers, testers
	if percent == 100 && !c.set.Quirks.GrayNeedsRelease {
		rep := c.publish(au)
		a.live.byGray = true
		return rep
	}
	return success(nil)
}

// grayPlanInfo plays getgrayreleaseplan; without a plan status is 0.
func (c *call) grayPlanInfo() reply {
	g := c.app.gray
	if g == nil {
		g = &grayPlan{}
	}
	plan := payload{
		"status": g.status, "gray_percentage": g.percent,
		"support_debuger_first": g.debuggers, "support_experiencer_first": g.testers,
	}
	if !g.at.IsZero() {
		plan["create_timestamp"] = g.at.Unix()
	}
	return success(payload{"gray_release_plan": plan})
}

// revertGray plays revertgrayrelease; without a running plan it does nothing.
func (c *call) revertGray() reply {
	if g := c.app.gray; g != nil && g.status == grayRunning {
		g.status = grayDeleted
	}
	return success(nil)
}
