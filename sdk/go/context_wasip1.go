package sandpiper

import (
	"errors"
	"runtime"
	"unsafe"

	"sandpiper-sdk/abi"
)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.idempotency-key
func contextKey(self int32, result unsafe.Pointer)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.attempt
func contextAttempt(self int32) uint32

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.tenant
func contextTenant(self int32, result unsafe.Pointer)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.variable
func contextVariable(self int32, name unsafe.Pointer, size uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.log
func contextLog(self int32, level uint32, message unsafe.Pointer, size uint32)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.progress
func contextProgress(self int32, done, total uint64)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.save-checkpoint
func contextSave(self int32, data unsafe.Pointer, size uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.load-checkpoint
func contextLoad(self int32, result unsafe.Pointer)

//go:wasmimport sandpiper:change/execution@0.1.0 [method]context.is-cancelled
func contextIsCancelled(self int32) uint32

//go:wasmimport sandpiper:change/execution@0.1.0 [resource-drop]context
func contextDrop(self int32)

// ContextOf makes a context of a handle that the host lends; the glue of a component calls it.
func ContextOf(handle int32) (*Context, func()) {
	return NewContext(hostContext(handle)), func() { contextDrop(handle) }
}

type hostContext int32

func (ctx hostContext) IdempotencyKey() string {
	area := new(abi.Area)
	abi.Call(func() { contextKey(int32(ctx), area.Pointer()) })
	defer abi.Done()
	return abi.String(area.Bytes(), 0)
}

func (ctx hostContext) Attempt() uint32 { return contextAttempt(int32(ctx)) }

func (ctx hostContext) Tenant() (string, bool) {
	area := new(abi.Area)
	abi.Call(func() { contextTenant(int32(ctx), area.Pointer()) })
	defer abi.Done()
	return abi.Option(area.Bytes(), 0)
}

func (ctx hostContext) Variable(name string) (string, bool) {
	area := new(abi.Area)
	at, size := abi.Text(name)
	abi.Call(func() { contextVariable(int32(ctx), at, size, area.Pointer()) })
	defer abi.Done()
	return abi.Option(area.Bytes(), 0)
}

func (ctx hostContext) Log(level Level, message string) {
	at, size := abi.Text(message)
	contextLog(int32(ctx), uint32(level), at, size)
}

func (ctx hostContext) Progress(done, total uint64) { contextProgress(int32(ctx), done, total) }

func (ctx hostContext) SaveCheckpoint(data []byte) error {
	area := new(abi.Area)
	abi.Call(func() {
		contextSave(int32(ctx), unsafe.Pointer(unsafe.SliceData(data)), uint32(len(data)), area.Pointer())
	})
	runtime.KeepAlive(data)
	defer abi.Done()
	if message, failed := abi.Option(area.Bytes(), 0); failed {
		return errors.New(message)
	}
	return nil
}

func (ctx hostContext) LoadCheckpoint() ([]byte, bool) {
	area := new(abi.Area)
	abi.Call(func() { contextLoad(int32(ctx), area.Pointer()) })
	defer abi.Done()
	data, isThere := abi.Option(area.Bytes(), 0)
	return []byte(data), isThere
}

func (ctx hostContext) IsCancelled() bool { return contextIsCancelled(int32(ctx)) != 0 }
