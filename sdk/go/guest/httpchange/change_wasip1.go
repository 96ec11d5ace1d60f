// Package httpchange exports what applies a change, and takes it back.
package httpchange

import (
	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/guest"
	"sandpiper-sdk/http"
)

// Function is what an author writes.
type Function = func(target *http.Endpoint, ctx *sandpiper.Context) error

// Apply and Rollback are what it does.
var Apply, Rollback Function

//go:wasmexport sandpiper:http/change@0.1.0#apply
func apply(target, context int32) uint32 { return call(Apply, target, context) }

//go:wasmexport sandpiper:http/change@0.1.0#rollback
func rollback(target, context int32) uint32 { return call(Rollback, target, context) }

func call(function Function, target, context int32) uint32 {
	handle, release := http.EndpointOf(target)
	defer release()
	ctx, done := sandpiper.ContextOf(context)
	defer done()
	return guest.Outcome(sandpiper.Applied, function(handle, ctx))
}
