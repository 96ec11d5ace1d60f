//go:build !wasip1

package sql

// Open opens a further system that the change declared in Uses; outside of a component there is none.
func Open(system string) (*Connection, error) {
	return nil, &Error{Kind: Denied, Message: "there is no `" + system + "` outside of a component"}
}
