package wxsim

import (
	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Names of the subpackages that the tests share.
const (
	StatusCanceled = model.StatusCanceled
	StatusBanned   = model.StatusBanned
	StatusWarned   = model.StatusWarned
	StatusFrozen   = model.StatusFrozen

	AuditPassed    = model.AuditPassed
	AuditRejected  = model.AuditRejected
	AuditRunning   = model.AuditRunning
	AuditWithdrawn = model.AuditWithdrawn
	AuditDelayed   = model.AuditDelayed

	AppIdle      = model.StateIdle
	AppChecking  = model.StateChecking
	AppCommitted = model.StateCommitted
	AppInAudit   = model.StateInAudit
	AppRejected  = model.StateRejected
	AppWithdrawn = model.StateWithdrawn
	AppApproved  = model.StateApproved
	AppGray      = model.StateGray
	AppReleased  = model.StateReleased
)

type (
	Tally        = model.Tally
	EndpointBook = books.Endpoint
	AuditCounts  = books.Audits
	QuotaBook    = books.Quota
	RenewalBook  = books.Renewals
)
