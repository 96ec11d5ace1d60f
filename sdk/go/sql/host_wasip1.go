package sql

import (
	"encoding/binary"
	"math"
	"runtime"
	"unsafe"

	"sandpiper-sdk/abi"
)

//go:wasmimport sandpiper:sql/client@0.1.0 [static]connection.open
func connectionOpen(system unsafe.Pointer, size uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]connection.dialect
func connectionDialect(self int32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]connection.execute
func connectionExecute(self int32, statement unsafe.Pointer, size, values, count uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]connection.execute-many
func connectionExecuteMany(self int32, statement unsafe.Pointer, size, rows, count uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]connection.run-script
func connectionRunScript(self int32, script unsafe.Pointer, size uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]connection.query
func connectionQuery(self int32, statement unsafe.Pointer, size, values, count uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [resource-drop]connection
func connectionDrop(self int32)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]cursor.columns
func cursorColumns(self int32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [method]cursor.next
func cursorNext(self int32, most uint32, result unsafe.Pointer)

//go:wasmimport sandpiper:sql/client@0.1.0 [resource-drop]cursor
func cursorDrop(self int32)

// ConnectionOf makes a connection of a handle that the host lends; the glue of a component calls it.
func ConnectionOf(handle int32) (*Connection, func()) {
	return NewConnection(hostConnection(handle)), func() { connectionDrop(handle) }
}

// Open opens a further system that the change declared in Uses.
func Open(system string) (*Connection, error) {
	at, size := abi.Text(system)
	handle, err := handleOf(func(result unsafe.Pointer) { connectionOpen(at, size, result) })
	if err != nil {
		return nil, err
	}
	return NewConnection(hostConnection(handle)), nil
}

type hostConnection int32

func (db hostConnection) Dialect() string {
	area := new(abi.Area)
	abi.Call(func() { connectionDialect(int32(db), area.Pointer()) })
	defer abi.Done()
	return abi.String(area.Bytes(), 0)
}

func (db hostConnection) Execute(statement string, parameters []Value) (uint64, error) {
	var writer abi.Writer
	values := write(&writer, parameters)
	at, size := abi.Text(statement)
	return count(&writer, func(result unsafe.Pointer) {
		connectionExecute(int32(db), at, size, abi.Pointer(values), uint32(len(parameters)), result)
	})
}

func (db hostConnection) ExecuteMany(statement string, rows [][]Value) (uint64, error) {
	var writer abi.Writer
	list := writer.Record(8 * len(rows))
	for index, row := range rows {
		writer.List(list, 8*index, write(&writer, row), len(row))
	}
	at, size := abi.Text(statement)
	return count(&writer, func(result unsafe.Pointer) {
		connectionExecuteMany(int32(db), at, size, abi.Pointer(list), uint32(len(rows)), result)
	})
}

func (db hostConnection) RunScript(script string) error {
	at, size := abi.Text(script)
	_, err := handleOf(func(result unsafe.Pointer) { connectionRunScript(int32(db), at, size, result) })
	return err
}

func (db hostConnection) Query(statement string, parameters []Value) (Cursor, error) {
	var writer abi.Writer
	values := write(&writer, parameters)
	at, size := abi.Text(statement)
	handle, err := handleOf(func(result unsafe.Pointer) {
		connectionQuery(int32(db), at, size, abi.Pointer(values), uint32(len(parameters)), result)
	})
	runtime.KeepAlive(&writer)
	return hostCursor(handle), err
}

type hostCursor int32

func (cursor hostCursor) Columns() []Column {
	area := new(abi.Area)
	abi.Call(func() { cursorColumns(int32(cursor), area.Pointer()) })
	defer abi.Done()
	at, count := abi.List(area.Bytes(), 0)
	records := abi.Memory(at, 16*count)
	columns := make([]Column, count)
	for index := range columns {
		columns[index] = Column{abi.String(records, 16*index), abi.String(records, 16*index+8)}
	}
	return columns
}

func (cursor hostCursor) Next(most uint32) ([][]Value, error) {
	area := new(abi.Area)
	abi.Call(func() { cursorNext(int32(cursor), most, area.Pointer()) })
	defer abi.Done()
	result := area.Bytes()
	if result[0] != 0 {
		return nil, failure(result[4:])
	}
	at, count := abi.List(result, 4)
	records := abi.Memory(at, 8*count)
	rows := make([][]Value, count)
	for index := range rows {
		values, columns := abi.List(records, 8*index)
		rows[index] = make([]Value, columns)
		for column := range rows[index] {
			rows[index][column] = read(abi.Memory(values+24*uint32(column), 24))
		}
	}
	return rows, nil
}

func (cursor hostCursor) Close() { cursorDrop(int32(cursor)) }

// count calls what gives a number of rows.
func count(writer *abi.Writer, call func(result unsafe.Pointer)) (uint64, error) {
	area := new(abi.Area)
	abi.Call(func() { call(area.Pointer()) })
	runtime.KeepAlive(writer)
	defer abi.Done()
	result := area.Bytes()
	if result[0] != 0 {
		return 0, failure(result[8:])
	}
	return abi.Uint64(result, 8), nil
}

// handleOf calls what gives a handle, or nothing.
func handleOf(call func(result unsafe.Pointer)) (int32, error) {
	area := new(abi.Area)
	abi.Call(func() { call(area.Pointer()) })
	defer abi.Done()
	result := area.Bytes()
	if result[0] != 0 {
		return 0, failure(result[4:])
	}
	return int32(abi.Uint32(result, 4)), nil
}

func failure(from []byte) error {
	kind := ErrorKind(from[0])
	payload := from[4:]
	switch kind {
	case Refused:
		err := &Error{Kind: kind, Code: abi.String(payload, 0), Message: abi.String(payload, 8), Position: -1}
		err.Detail, _ = abi.Option(payload, 16)
		err.Hint, _ = abi.Option(payload, 28)
		if payload[40] != 0 {
			err.Position = int(abi.Uint32(payload, 44))
		}
		at, count := abi.List(payload, 48)
		extras := abi.Memory(at, 16*count)
		err.Extras = make(map[string]string, count)
		for index := range int(count) {
			err.Extras[abi.String(extras, 16*index)] = abi.String(extras, 16*index+8)
		}
		return err
	case OtherError:
		return &Error{Kind: kind, Name: abi.String(payload, 0), Message: abi.String(payload, 8)}
	}
	return &Error{Kind: kind, Message: abi.String(payload, 0)}
}

// write lays values out as the contract has them: 24 bytes each.
func write(writer *abi.Writer, values []Value) []byte {
	records := writer.Record(24 * len(values))
	for index, value := range values {
		record := records[24*index : 24*index+24]
		record[0] = byte(value.Kind)
		switch value.Kind {
		case KindNull:
		case KindBoolean:
			if value.Boolean {
				record[8] = 1
			}
		case KindInteger:
			binary.LittleEndian.PutUint64(record[8:], uint64(value.Integer))
		case KindDouble:
			binary.LittleEndian.PutUint64(record[8:], math.Float64bits(value.Double))
		case KindBytes:
			writer.List(record, 8, value.Bytes, len(value.Bytes))
		case KindOther:
			writer.Text(record, 8, value.Type)
			writer.Text(record, 16, value.Text)
		default:
			writer.Text(record, 8, value.Text)
		}
	}
	return records
}

func read(record []byte) Value {
	value := Value{Kind: Kind(record[0])}
	switch value.Kind {
	case KindNull:
	case KindBoolean:
		value.Boolean = record[8] != 0
	case KindInteger:
		value.Integer = int64(abi.Uint64(record, 8))
	case KindDouble:
		value.Double = math.Float64frombits(abi.Uint64(record, 8))
	case KindBytes:
		value.Bytes = abi.Copy(record, 8)
	case KindOther:
		value.Type, value.Text = abi.String(record, 8), abi.String(record, 16)
	default:
		value.Text = abi.String(record, 8)
	}
	return value
}
