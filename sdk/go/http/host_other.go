//go:build !wasip1

package http

// Open opens a further system that the change declared in Uses; outside of a component there is none.
func Open(system string) (*Endpoint, error) {
	return nil, &Error{Kind: Denied, Message: "there is no `" + system + "` outside of a component"}
}
