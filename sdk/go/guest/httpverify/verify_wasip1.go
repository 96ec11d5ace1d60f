// Package httpverify exports what tells whether a change is applied.
package httpverify

import (
	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/guest"
	"sandpiper-sdk/http"
)

// Verify is what tells it.
var Verify func(target *http.Endpoint, ctx *sandpiper.Context) (sandpiper.Verdict, error)

//go:wasmexport sandpiper:http/verify@0.1.0#verify
func verify(target, context int32) uint32 {
	handle, release := http.EndpointOf(target)
	defer release()
	ctx, done := sandpiper.ContextOf(context)
	defer done()
	return guest.Outcome(Verify(handle, ctx))
}
