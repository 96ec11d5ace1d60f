// Package sandpiper is what authors of changes use: a change is a package with the variable Change and the functions
// Apply, Rollback and, where it can tell whether it is applied, Verify.
package sandpiper

// Change says what a change is. ID, Author and TargetSystem are required.
type Change struct {
	// ID is unique in the whole pipeline, and never reused.
	ID     string
	Author string
	// TargetSystem is the configured system that this change is applied to.
	TargetSystem string
	Description  string
	// Transactional is where the system allows it, by default.
	Transactional Choice
	// Recovery is ManualIntervention by default.
	Recovery Recovery
	// Cadence is Once by default.
	Cadence Cadence
	// Uses names further configured systems that this change may open.
	Uses   []string
	Labels map[string]string
	When   string
	// Retry is how often it is tried within one run: "3 1s..30s".
	Retry string
}

// Choice is yes, no, or left to the host.
type Choice uint8

// What may be chosen.
const (
	Unset Choice = iota
	Yes
	No
)

// Recovery is what the host does after an attempt that ended without a known result.
type Recovery uint8

// What a host may do.
const (
	RecoveryUnset Recovery = iota
	ManualIntervention
	AlwaysRetry
)

// Cadence is when a change that is applied already runs again.
type Cadence uint8

// When that may be.
const (
	CadenceUnset Cadence = iota
	Once
	OnChange
	Always
)

// Verdict is what a look at the target system says about a change.
type Verdict uint8

// What it may say.
const (
	Applied Verdict = iota
	NotApplied
	PartlyApplied
	Unknown
)
