package wxsim

// Limits that the tests expect, as WeChat documents them or as the simulator chose them.
const (
	maxDomains         = 200
	domainChanges      = 50
	ownersDirectly     = 100
	maxPrivacyText     = 100 << 10
	applicationsPerMin = 280
	rulesPublished     = 100
	maxRules           = 100
	trialsPerUser      = 5
	creationsPerDay    = 5
	maxImage           = 2 << 20
	clearsPerMonth     = 10
	maxTemplates       = 200
	maxTesters         = 90
	maxTestedByOne     = 50
)
