// Package sql is SQL over a connection that the host opened, and whose transaction it owns.
package sql

import (
	"fmt"
	"iter"
	"strings"
)

const (
	chunkRows  = 1_000
	chunkBytes = 1 << 20
	batch      = 256
)

// Driver is what a Connection calls: the host, or what stands in for it in a test.
type Driver interface {
	Dialect() string
	Execute(statement string, parameters []Value) (uint64, error)
	ExecuteMany(statement string, rows [][]Value) (uint64, error)
	RunScript(script string) error
	Query(statement string, parameters []Value) (Cursor, error)
}

// Cursor is the rows of a query that were not read yet.
type Cursor interface {
	Columns() []Column
	Next(most uint32) ([][]Value, error)
	Close()
}

// Column is a column of a query.
type Column struct{ Name, TypeName string }

// Connection is a connection to a database, lent for one call. Statements take the database's own placeholders.
type Connection struct{ driver Driver }

// NewConnection makes one; changes are handed theirs.
func NewConnection(driver Driver) *Connection { return &Connection{driver} }

// Dialect is `sqlite`, `postgres`, `mysql`, `mariadb`, ...
func (db *Connection) Dialect() string { return db.driver.Dialect() }

// Execute runs one statement, and gives the number of rows affected.
func (db *Connection) Execute(statement string, parameters ...any) (uint64, error) {
	values, err := valuesOf(parameters)
	if err != nil {
		return 0, err
	}
	return db.driver.Execute(statement, values)
}

// ExecuteMany runs one statement once for each row of parameters, in calls of at most 1,000.
func (db *Connection) ExecuteMany(statement string, rows iter.Seq[[]any]) (uint64, error) {
	var affected uint64
	var chunk [][]Value
	size := 0
	send := func() error {
		if len(chunk) == 0 {
			return nil
		}
		count, err := db.driver.ExecuteMany(statement, chunk)
		affected += count
		chunk, size = chunk[:0], 0
		return err
	}
	for row := range rows {
		values, err := valuesOf(row)
		if err != nil {
			return affected, err
		}
		for _, value := range values {
			size += 24 + len(value.Text) + len(value.Bytes)
		}
		if chunk = append(chunk, values); len(chunk) >= chunkRows || size >= chunkBytes {
			if err := send(); err != nil {
				return affected, err
			}
		}
	}
	return affected, send()
}

// RunScript runs any number of statements that take no parameters.
func (db *Connection) RunScript(script string) error { return db.driver.RunScript(script) }

// Query runs a query whose rows are read one after the other, as those of database/sql.
func (db *Connection) Query(statement string, parameters ...any) (*Rows, error) {
	values, err := valuesOf(parameters)
	if err != nil {
		return nil, err
	}
	cursor, err := db.driver.Query(statement, values)
	if err != nil {
		return nil, err
	}
	return &Rows{cursor: cursor, columns: cursor.Columns(), size: batch}, nil
}

// QueryRow stores the columns of the only row of a query: none, and more than one, are errors.
func (db *Connection) QueryRow(statement string, parameters []any, into ...any) error {
	rows, err := db.Query(statement, parameters...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.BatchSize(2).Next() {
		if rows.err != nil {
			return rows.err
		}
		return &Error{Kind: RowCount, Message: "the query was to find one row and found none"}
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	if rows.Next() {
		return &Error{Kind: RowCount, Message: "the query was to find one row and found more"}
	}
	return rows.err
}

// Rows is the rows of a query, fetched in batches while they are read.
type Rows struct {
	cursor  Cursor
	columns []Column
	size    uint32
	batch   [][]Value
	row     []Value
	err     error
	ended   bool
}

// Columns is the names and types of the columns, in their order.
func (rows *Rows) Columns() []Column { return rows.columns }

// BatchSize fetches so many rows at a time instead of 256.
func (rows *Rows) BatchSize(size uint32) *Rows {
	rows.size = max(1, size)
	return rows
}

// Next goes to the next row; false after the last one, and after an error, which Err then tells.
func (rows *Rows) Next() bool {
	if len(rows.batch) == 0 && !rows.ended {
		rows.batch, rows.err = rows.cursor.Next(rows.size)
		if rows.err != nil || len(rows.batch) == 0 {
			rows.Close()
		}
	}
	if len(rows.batch) == 0 {
		return false
	}
	rows.row, rows.batch = rows.batch[0], rows.batch[1:]
	return true
}

// Err is why Next gave false, if it is not the end.
func (rows *Rows) Err() error { return rows.err }

// Close gives the cursor back; Next does so at the end.
func (rows *Rows) Close() {
	if !rows.ended {
		rows.ended = true
		rows.batch = nil
		rows.cursor.Close()
	}
}

// Values is the row with the kind of each column.
func (rows *Rows) Values() []Value { return rows.row }

// Scan stores the columns of the row: *int64, *string, *float64, *bool, *[]byte, *any, *Value, and **string and its like
// for what may be NULL.
func (rows *Rows) Scan(into ...any) error {
	if len(into) != len(rows.row) {
		message := fmt.Sprintf("the query has %d columns, and Scan was given %d", len(rows.row), len(into))
		return &Error{Kind: Conversion, Message: message}
	}
	for index, target := range into {
		value := rows.row[index]
		if !value.scan(target) {
			wanted := strings.TrimPrefix(fmt.Sprintf("%T", target), "*")
			message := fmt.Sprintf("column `%s` holds %s, which is no `%s`", rows.columns[index].Name, value.Kind, wanted)
			return &Error{Kind: Conversion, Message: message}
		}
	}
	return nil
}
