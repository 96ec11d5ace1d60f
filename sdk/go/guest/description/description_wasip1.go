// Package description exports what a change is.
package description

import (
	"slices"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/abi"
)

// Change is what it is.
var Change sandpiper.Change

var writer abi.Writer

//go:wasmexport sandpiper:change/description@0.1.0#describe
func describe() uint32 {
	record := writer.Record(68)
	writer.Text(record, 0, Change.ID)
	writer.Text(record, 8, Change.Author)
	writer.Text(record, 16, Change.TargetSystem)
	if Change.Description != "" {
		record[24] = 1
		writer.Text(record, 28, Change.Description)
	}
	choice(record, 36, uint8(Change.Transactional), Change.Transactional == sandpiper.Yes)
	choice(record, 38, uint8(Change.Recovery), Change.Recovery == sandpiper.AlwaysRetry)
	if Change.Cadence != sandpiper.CadenceUnset {
		record[40], record[41] = 1, uint8(Change.Cadence)-1
	}
	uses := writer.Record(8 * len(Change.Uses))
	for index, system := range Change.Uses {
		writer.Text(uses, 8*index, system)
	}
	writer.List(record, 44, uses, len(Change.Uses))
	labels := [][2]string{}
	for name, value := range Change.Labels {
		labels = append(labels, [2]string{name, value})
	}
	slices.SortFunc(labels, func(one, other [2]string) int { return slices.Compare(one[:], other[:]) })
	writer.Pairs(record, 52, labels)
	options := [][2]string{}
	for _, option := range [][2]string{{"when", Change.When}, {"retry", Change.Retry}} {
		if option[1] != "" {
			options = append(options, option)
		}
	}
	writer.Pairs(record, 60, options)
	return abi.Pointer(record)
}

func choice(record []byte, at int, set uint8, value bool) {
	if set != 0 {
		record[at] = 1
	}
	if value {
		record[at+1] = 1
	}
}
