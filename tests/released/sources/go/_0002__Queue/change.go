// Package change makes a queue by an API.
package change

import (
	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/http"
)

// Change is what it is.
var Change = sandpiper.Change{ID: "released-queue", Author: "sandpiper-tests", TargetSystem: "api"}

// Apply makes it.
func Apply(api *http.Endpoint, ctx *sandpiper.Context) error {
	made, err := api.Send(http.Request{
		Method:  "POST",
		Path:    "queues",
		Query:   []http.Pair{{"page", "1"}},
		Headers: []http.Pair{{"Content-Type", "application/json"}},
		Body:    []byte(`{"name": "mail"}`),
	})
	if err != nil {
		return err
	}
	ctx.Info("%s", made.Body)
	return made.ErrorForStatus()
}

// Rollback removes it.
func Rollback(api *http.Endpoint, ctx *sandpiper.Context) error {
	removed, err := api.Delete("queues/7")
	if err != nil {
		return err
	}
	return removed.ErrorForStatus()
}

// Verify looks for it.
func Verify(api *http.Endpoint, ctx *sandpiper.Context) (sandpiper.Verdict, error) {
	found, err := api.Get("queues/7")
	if err != nil {
		return sandpiper.Unknown, err
	}
	if !found.IsSuccess() {
		return sandpiper.NotApplied, nil
	}
	return sandpiper.Applied, nil
}
