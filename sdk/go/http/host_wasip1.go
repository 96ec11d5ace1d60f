package http

import (
	"math"
	"runtime"
	"slices"
	"unsafe"

	"sandpiper-sdk/abi"
)

//go:wasmimport sandpiper:http/client@0.1.0 [static]endpoint.open
func endpointOpen(system unsafe.Pointer, size uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:http/client@0.1.0 [method]endpoint.send
func endpointSend(
	self int32, method uint32, other unsafe.Pointer, otherSize uint32, path unsafe.Pointer, pathSize uint32,
	query, queryCount, headers, headerCount uint32, hasBody uint32, body unsafe.Pointer, bodySize uint32,
	hasTimeout, timeout uint32, result unsafe.Pointer,
)

//go:wasmimport sandpiper:http/client@0.1.0 [resource-drop]endpoint
func endpointDrop(self int32)

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// EndpointOf makes an endpoint of a handle that the host lends; the glue of a component calls it.
func EndpointOf(handle int32) (*Endpoint, func()) {
	return NewEndpoint(hostEndpoint(handle)), func() { endpointDrop(handle) }
}

// Open opens a further system that the change declared in Uses.
func Open(system string) (*Endpoint, error) {
	area := new(abi.Area)
	at, size := abi.Text(system)
	abi.Call(func() { endpointOpen(at, size, area.Pointer()) })
	defer abi.Done()
	result := area.Bytes()
	if result[0] != 0 {
		return nil, failure(result[4:])
	}
	return NewEndpoint(hostEndpoint(abi.Uint32(result, 4))), nil
}

type hostEndpoint int32

func (api hostEndpoint) Send(request Request) (*Response, error) {
	var writer abi.Writer
	lists := writer.Record(16)
	writer.Pairs(lists, 0, pairs(request.Query))
	writer.Pairs(lists, 8, pairs(request.Headers))
	query, queryCount := abi.List(lists, 0)
	headers, headerCount := abi.List(lists, 8)
	method := slices.Index(methods, request.Method)
	if method < 0 {
		method = len(methods)
	}
	other, otherSize := abi.Text(request.Method)
	path, pathSize := abi.Text(request.Path)
	timeout := uint32(min(request.Timeout.Milliseconds(), math.MaxUint32))
	area := new(abi.Area)
	abi.Call(func() {
		endpointSend(
			int32(api), uint32(method), other, otherSize, path, pathSize, query, queryCount, headers, headerCount,
			flag(request.Body != nil), unsafe.Pointer(unsafe.SliceData(request.Body)), uint32(len(request.Body)),
			flag(timeout > 0), timeout, area.Pointer(),
		)
	})
	runtime.KeepAlive(&writer)
	runtime.KeepAlive(request)
	defer abi.Done()
	result := area.Bytes()
	if result[0] != 0 {
		return nil, failure(result[4:])
	}
	response := &Response{Status: int(uint16(abi.Uint32(result, 4))), Body: abi.Copy(result, 16)}
	at, count := abi.List(result, 8)
	records := abi.Memory(at, 16*count)
	for index := range int(count) {
		response.Headers = append(response.Headers, Pair{abi.String(records, 16*index), abi.String(records, 16*index+8)})
	}
	return response, nil
}

func failure(from []byte) error {
	kind := ErrorKind(from[0])
	if kind == OtherError {
		return &Error{Kind: kind, Name: abi.String(from, 4), Message: abi.String(from, 12)}
	}
	return &Error{Kind: kind, Message: abi.String(from, 4)}
}

func pairs(from []Pair) [][2]string {
	made := make([][2]string, len(from))
	for index, pair := range from {
		made[index] = [2]string{pair.Name, pair.Value}
	}
	return made
}

func flag(set bool) uint32 {
	if set {
		return 1
	}
	return 0
}
