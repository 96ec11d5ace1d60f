// Package httpcases is the cases of `tests/languages` that work on an API, in Go.
package httpcases

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/http"
	"sandpiper-sdk/sql"
)

// Change is what it is.
var Change = sandpiper.Change{
	ID:            "language-http-cases",
	Author:        "sandpiper-tests",
	TargetSystem:  "api",
	Description:   "the cases of an API in Go",
	Transactional: sandpiper.No,
	Uses:          []string{"second"},
	Labels:        map[string]string{"language": "go"},
	Retry:         "2 100ms..100ms",
}

// Apply runs the variable `case`.
func Apply(api *http.Endpoint, ctx *sandpiper.Context) error { return run("case", "normal", api, ctx) }

// Rollback runs the variable `rollback`.
func Rollback(api *http.Endpoint, ctx *sandpiper.Context) error {
	return run("rollback", "delete", api, ctx)
}

// Verify looks whether the queue is there.
func Verify(api *http.Endpoint, ctx *sandpiper.Context) (sandpiper.Verdict, error) {
	answer, err := api.Get("queues/7")
	if err != nil {
		return sandpiper.Unknown, err
	}
	if answer.Status == 404 {
		return sandpiper.NotApplied, nil
	}
	return sandpiper.Applied, answer.ErrorForStatus()
}

func run(variable, otherwise string, api *http.Endpoint, ctx *sandpiper.Context) error {
	name, isSet := ctx.Variable(variable)
	if !isSet {
		name = otherwise
	}
	post := func(path string) error { return sent(api, http.Request{Method: "POST", Path: path}) }
	switch name {
	case "normal":
		return normal(api, ctx)
	case "delete":
		answer, err := api.Delete("queues/7")
		if err != nil {
			return err
		}
		return answer.ErrorForStatus()
	case "nothing":
		return nil
	case "methods":
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"} {
			if err := sent(api, http.Request{Method: method, Path: "methods"}); err != nil {
				return err
			}
		}
		return nil
	case "bytes":
		answer, err := api.Send(http.Request{Method: "POST", Path: "echo", Body: []byte{0, 255, 128}})
		if err != nil {
			return err
		}
		return see(api, "bytes", fmt.Sprintf("%x", answer.Body))
	case "not-text":
		answer, err := api.Get("bytes")
		if err != nil {
			return err
		}
		_, err = answer.Text()
		return err
	case "missing":
		return sent(api, http.Request{Method: "GET", Path: "missing"})
	case "busy":
		return post("busy")
	case "handled":
		answer, err := api.Send(http.Request{Method: "POST", Path: "taken"})
		if err != nil {
			return err
		}
		var refused *http.Error
		if errors.As(answer.ErrorForStatus(), &refused) && !refused.IsTransient() {
			return see(api, "handled", fmt.Sprintf("%d %s", refused.Status, answer.Body))
		}
		return nil
	case "stopped":
		if err := post("stop"); err != nil {
			return err
		}
		return post("queues")
	case "lost":
		return post("close")
	case "late":
		return sent(api, http.Request{Method: "POST", Path: "silence", Timeout: 200 * time.Millisecond})
	case "denied":
		return sent(api, http.Request{Method: "GET", Path: "../secret"})
	case "precondition":
		return sandpiper.Precondition("as the case says")
	case "failed":
		if err := post("queues"); err != nil {
			return err
		}
		return sandpiper.Failed("as the case says")
	case "transient":
		return sandpiper.Transient("as the case says")
	case "irreversible":
		return sandpiper.Irreversible("as the case says")
	case "log":
		ctx.Warn("a line of the level warn")
		fmt.Println("a line that was printed")
		return nil
	case "uses":
		return uses(api)
	case "undeclared":
		_, err := http.Open("third")
		return err
	case "trap":
		panic("as the case says")
	}
	return sandpiper.Failed("there is no case `%s`", name)
}

// sent is the error of a request, or of its status.
func sent(api *http.Endpoint, request http.Request) error {
	answer, err := api.Send(request)
	if err != nil {
		return err
	}
	return answer.ErrorForStatus()
}

func see(api *http.Endpoint, name, seen string) error {
	return sent(api, http.Request{Method: "PUT", Path: "seen/" + name, Body: []byte(seen)})
}

func normal(api *http.Endpoint, ctx *sandpiper.Context) error {
	answer, err := api.Send(http.Request{
		Method:  "POST",
		Path:    "queues",
		Query:   []http.Pair{{"text", "a b&c"}, {"page", "1"}, {"page", "2"}},
		Headers: []http.Pair{{"X-Key", ctx.IdempotencyKey()}, {"X-Two", "one"}, {"X-Two", "two"}, {"Content-Type", "application/json"}},
		Body:    []byte(`{"name": "mail", "size": 1}`),
	})
	if err != nil {
		return err
	}
	var two []string
	for _, header := range answer.Headers {
		if strings.EqualFold(header.Name, "x-two") {
			two = append(two, header.Value)
		}
	}
	text, err := answer.Text()
	if err != nil {
		return err
	}
	var document struct{ ID int }
	if err := answer.JSON(&document); err != nil {
		return err
	}
	either := func(value string) string {
		if value == "" {
			return "none"
		}
		return value
	}
	for _, seen := range [][2]string{
		{"status", strconv.Itoa(answer.Status)},
		{"header", either(answer.Header("x-MADE-by"))},
		{"headers", strings.Join(two, " ")},
		{"unset", either(answer.Header("x-unset"))},
		{"text", text},
		{"id", strconv.Itoa(document.ID)},
	} {
		if err := see(api, seen[0], seen[1]); err != nil {
			return err
		}
	}
	return nil
}

func uses(api *http.Endpoint) error {
	second, err := sql.Open("second")
	if err != nil {
		return err
	}
	rows, err := second.Query("SELECT id, note FROM there ORDER BY id")
	if err != nil {
		return err
	}
	for rows.Next() {
		var id int64
		var note *string
		if err := rows.Scan(&id, &note); err != nil {
			return err
		}
		request := http.Request{Method: "PUT", Path: fmt.Sprintf("items/%d", id)}
		if note != nil {
			request.Body = []byte(*note)
		}
		answer, err := api.Send(request)
		if err != nil {
			return err
		}
		if _, err := second.Execute("INSERT INTO made VALUES (?, ?)", id, answer.Status); err != nil {
			return err
		}
	}
	return rows.Err()
}
