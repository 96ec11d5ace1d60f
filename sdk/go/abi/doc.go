//go:build !wasip1

// Package abi is the binary form of the contract; outside of a component there is nothing in it.
package abi
