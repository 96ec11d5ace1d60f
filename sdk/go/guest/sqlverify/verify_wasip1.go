// Package sqlverify exports what tells whether a change is applied.
package sqlverify

import (
	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/guest"
	"sandpiper-sdk/sql"
)

// Verify is what tells it.
var Verify func(target *sql.Connection, ctx *sandpiper.Context) (sandpiper.Verdict, error)

//go:wasmexport sandpiper:sql/verify@0.1.0#verify
func verify(target, context int32) uint32 {
	handle, release := sql.ConnectionOf(target)
	defer release()
	ctx, done := sandpiper.ContextOf(context)
	defer done()
	return guest.Outcome(Verify(handle, ctx))
}
