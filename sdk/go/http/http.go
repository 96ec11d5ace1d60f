// Package http is requests to one configured API. The host adds the credentials; a change never sees them.
package http

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const shown = 200

// Driver is what an Endpoint calls: the host, or what stands in for it in a test.
type Driver interface {
	Send(request Request) (*Response, error)
}

// Pair is a header, or a parameter of a query.
type Pair struct{ Name, Value string }

// Request is a request; its path is below the API's base URL.
type Request struct {
	Method  string
	Path    string
	Query   []Pair
	Headers []Pair
	// Body is sent as it is; nil sends none.
	Body    []byte
	Timeout time.Duration
}

// Response is the answer of an API.
type Response struct {
	Status  int
	Headers []Pair
	Body    []byte
}

// Endpoint is a configured API.
type Endpoint struct{ driver Driver }

// NewEndpoint makes one; changes are handed theirs.
func NewEndpoint(driver Driver) *Endpoint { return &Endpoint{driver} }

// Send sends a request. An answer of any status is a Response.
func (api *Endpoint) Send(request Request) (*Response, error) { return api.driver.Send(request) }

// Get sends a GET request.
func (api *Endpoint) Get(path string) (*Response, error) {
	return api.Send(Request{Method: "GET", Path: path})
}

// Delete sends a DELETE request.
func (api *Endpoint) Delete(path string) (*Response, error) {
	return api.Send(Request{Method: "DELETE", Path: path})
}

// Post sends a document, written as JSON, in a POST request.
func (api *Endpoint) Post(path string, document any) (*Response, error) {
	return api.json("POST", path, document)
}

// Put sends a document, written as JSON, in a PUT request.
func (api *Endpoint) Put(path string, document any) (*Response, error) {
	return api.json("PUT", path, document)
}

// Patch sends a document, written as JSON, in a PATCH request.
func (api *Endpoint) Patch(path string, document any) (*Response, error) {
	return api.json("PATCH", path, document)
}

func (api *Endpoint) json(method, path string, document any) (*Response, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	return api.Send(Request{Method: method, Path: path, Headers: []Pair{{"Content-Type", "application/json"}}, Body: body})
}

// IsSuccess is whether the status is one of 200 to 299.
func (response *Response) IsSuccess() bool { return response.Status >= 200 && response.Status < 300 }

// ErrorForStatus is an error unless the response is a success.
func (response *Response) ErrorForStatus() error {
	if response.IsSuccess() {
		return nil
	}
	begin := []rune(strings.TrimSpace(strings.ToValidUTF8(string(response.Body), "\uFFFD")))
	return &Error{Kind: Status, Status: response.Status, Message: string(begin[:min(len(begin), shown)])}
}

// Header is the first header of this name, in any case.
func (response *Response) Header(name string) string {
	for _, header := range response.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Text is the body as text.
func (response *Response) Text() (string, error) {
	if !utf8.Valid(response.Body) {
		return "", &Error{Kind: NotText, Message: "the body of the answer is not UTF-8"}
	}
	return string(response.Body), nil
}

// JSON reads the body as a document.
func (response *Response) JSON(into any) error { return json.Unmarshal(response.Body, into) }

// ErrorKind is which case of the contract an error is, numbered as there.
type ErrorKind uint8

// The cases; Status and NotText are this SDK's own.
const (
	NotSent ErrorKind = iota
	NoAnswer
	Denied
	LimitExceeded
	OtherError
	Status
	NotText
)

// Error is why a request did not succeed.
type Error struct {
	Kind    ErrorKind
	Message string
	// Status is that of an answer that was no success.
	Status int
	// Name is the host's name of OtherError.
	Name string
}

func (err *Error) Error() string {
	switch err.Kind {
	case NotSent:
		return "the request was not sent: " + err.Message
	case NoAnswer:
		return "no answer came, its effect is unknown: " + err.Message
	case Denied:
		return "the host refused this: " + err.Message
	case LimitExceeded:
		return "a limit was reached: " + err.Message
	case OtherError:
		return err.Name + ": " + err.Message
	case Status:
		if err.Message == "" {
			return fmt.Sprintf("the API answered with %d", err.Status)
		}
		return fmt.Sprintf("the API answered with %d: %s", err.Status, err.Message)
	}
	return err.Message
}

// IsTransient is whether this may be gone on the next attempt, and the API is known to have done nothing.
func (err *Error) IsTransient() bool {
	return err.Kind == NotSent || err.Status == 429 || err.Status == 503
}
