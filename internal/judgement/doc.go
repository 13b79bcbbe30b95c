// Package judgement tests in virtual time that the engine spends quota as promised and that
// nothing stalls. Many rollouts of several pools compete for a few submissions while controllers,
// workers, the quota loop, Redis, its clock and WeChat misbehave; all of that is production
// code and production scripts but WeChat, which is a model with separate books. The rules are
// checked by those books alone: no reserve is touched, no bound of a pool is passed, no attempt
// is submitted twice, no app is moved to an older version. An outage of the platform or of WeChat
// fails nothing, and work resumes soon after it. A step of Redis's clock makes no wait longer. Then
// faults stop, and whenever a unit is free for a waiting target a submission must follow within a
// bounded time; what still waits must name a cause that the model confirms. Deliberate bugs show
// that the rules can fail.
//
// It holds tests only.
package judgement
