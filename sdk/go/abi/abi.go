//go:build wasip1

// Package abi is the binary form of the contract (the canonical ABI of the component model) in the memory of a Go guest.
package abi

import (
	"encoding/binary"
	"unsafe"
)

// Area is where the host writes a result; it is aligned, and large enough for all of the contract.
type Area [12]uint64

// closed tells the adapter that no call may leave the guest: the host is asking for memory (adapter/preview1.wat).
const closed = uintptr(8192)

// kept holds what the host asked for until its result was read.
var kept [][]byte

// Call calls the host, which may ask for memory meanwhile.
func Call(host func()) {
	*(*uint32)(unsafe.Pointer(closed)) = 1
	host()
	*(*uint32)(unsafe.Pointer(closed)) = 0
}

// Done forgets what the host asked for: its result was read.
func Done() { kept = kept[:0] }

//go:wasmexport cabi_realloc
func reallocate(old, oldSize, align, size uint32) uint32 {
	memory := make([]byte, size)
	if oldSize > 0 {
		copy(memory, Memory(old, oldSize))
	}
	kept = append(kept, memory)
	return Pointer(memory)
}

// Pointer is where bytes lie.
func Pointer(of []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(of)))) }

// Text is where a text lies, and its size.
func Text(of string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(of)), uint32(len(of))
}

// Memory is the bytes that lie somewhere.
func Memory(at, size uint32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), size) }

// Bytes is the area as bytes.
func (area *Area) Bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(area)), unsafe.Sizeof(*area))
}

// Pointer is where the area lies.
func (area *Area) Pointer() unsafe.Pointer { return unsafe.Pointer(area) }

// Uint32 reads a number.
func Uint32(from []byte, at int) uint32 { return binary.LittleEndian.Uint32(from[at:]) }

// Uint64 reads a number.
func Uint64(from []byte, at int) uint64 { return binary.LittleEndian.Uint64(from[at:]) }

// List is where the items of a list lie, and how many there are.
func List(from []byte, at int) (uint32, uint32) { return Uint32(from, at), Uint32(from, at+4) }

// String copies a text.
func String(from []byte, at int) string {
	pointer, size := List(from, at)
	return string(Memory(pointer, size))
}

// Copy copies bytes.
func Copy(from []byte, at int) []byte {
	pointer, size := List(from, at)
	return append([]byte{}, Memory(pointer, size)...)
}

// Option copies a text that may be missing.
func Option(from []byte, at int) (string, bool) {
	if from[at] == 0 {
		return "", false
	}
	return String(from, at+4), true
}

// Writer writes records for the host. What it points to lives as long as it does.
type Writer struct{ held []any }

// Record makes room for records.
func (writer *Writer) Record(size int) []byte {
	// Of 64-bit numbers, so that it is aligned.
	words := make([]uint64, (size+7)/8)
	writer.held = append(writer.held, words)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), size)
}

// Text writes where a text lies.
func (writer *Writer) Text(into []byte, at int, text string) {
	writer.held = append(writer.held, text)
	pointer, size := Text(text)
	writer.Pair(into, at, uint32(uintptr(pointer)), size)
}

// List writes where records lie, and how many there are.
func (writer *Writer) List(into []byte, at int, records []byte, count int) {
	writer.held = append(writer.held, records)
	writer.Pair(into, at, Pointer(records), uint32(count))
}

// Pair writes two numbers.
func (writer *Writer) Pair(into []byte, at int, first, second uint32) {
	binary.LittleEndian.PutUint32(into[at:], first)
	binary.LittleEndian.PutUint32(into[at+4:], second)
}

// Pairs writes a list of pairs of texts.
func (writer *Writer) Pairs(into []byte, at int, pairs [][2]string) {
	records := writer.Record(16 * len(pairs))
	for index, pair := range pairs {
		writer.Text(records, 16*index, pair[0])
		writer.Text(records, 16*index+8, pair[1])
	}
	writer.List(into, at, records, len(pairs))
}
