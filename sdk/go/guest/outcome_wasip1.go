// Package guest turns what an author wrote into what the contract asks a component to export. `sandpiper build` imports
// it for them.
package guest

import (
	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/abi"
)

// last keeps an outcome until the host has read it.
var last abi.Writer

// Outcome lays out the end of a call.
func Outcome(verdict sandpiper.Verdict, err error) uint32 {
	record := last.Record(32)
	if err == nil {
		record[4] = byte(verdict)
		return abi.Pointer(record)
	}
	record[0] = 1
	record[4] = byte(sandpiper.KindOf(err))
	last.Text(record, 8, err.Error())
	return abi.Pointer(record)
}
