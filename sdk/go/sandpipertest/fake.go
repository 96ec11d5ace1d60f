// Package sandpipertest has handles that stand in for the host's, so that a change runs in a test without a component
// around it.
package sandpipertest

import (
	"strings"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/sql"
)

// Call is a statement that was asked for, and its parameters.
type Call struct {
	Statement  string
	Parameters []any
}

// Database answers as it is told, and keeps what it was asked.
type Database struct {
	// Answers maps the beginning of a statement to rows ([][]any), to a number of affected rows (int), or to an error.
	Answers map[string]any
	// Columns names those of all rows that it answers with.
	Columns []string
	// Name is what Dialect says; `sqlite` where it is empty.
	Name  string
	Calls []Call
}

// Connection is a connection to it.
func (database *Database) Connection() *sql.Connection { return sql.NewConnection(database) }

// Dialect is its name.
func (database *Database) Dialect() string {
	if database.Name == "" {
		return "sqlite"
	}
	return database.Name
}

// Execute keeps the call and answers it.
func (database *Database) Execute(statement string, parameters []sql.Value) (uint64, error) {
	answer, err := database.answer(statement, parameters)
	count, _ := answer.(int)
	return uint64(count), err
}

// ExecuteMany keeps a call for each row.
func (database *Database) ExecuteMany(statement string, rows [][]sql.Value) (uint64, error) {
	for _, row := range rows {
		if _, err := database.answer(statement, row); err != nil {
			return 0, err
		}
	}
	return uint64(len(rows)), nil
}

// RunScript keeps the call.
func (database *Database) RunScript(script string) error {
	_, err := database.answer(script, nil)
	return err
}

// Query keeps the call and answers it.
func (database *Database) Query(statement string, parameters []sql.Value) (sql.Cursor, error) {
	answer, err := database.answer(statement, parameters)
	rows, _ := answer.([][]any)
	return &cursor{database.Columns, rows}, err
}

func (database *Database) answer(statement string, parameters []sql.Value) (any, error) {
	call := Call{Statement: statement}
	for _, parameter := range parameters {
		call.Parameters = append(call.Parameters, parameter.Any())
	}
	database.Calls = append(database.Calls, call)
	for begin, answer := range database.Answers {
		if strings.HasPrefix(statement, begin) {
			err, _ := answer.(error)
			return answer, err
		}
	}
	return nil, nil
}

type cursor struct {
	names []string
	rows  [][]any
}

func (cursor *cursor) Columns() []sql.Column {
	columns := make([]sql.Column, len(cursor.names))
	for index, name := range cursor.names {
		columns[index].Name = name
	}
	return columns
}

func (cursor *cursor) Next(most uint32) ([][]sql.Value, error) {
	taken := min(len(cursor.rows), int(most))
	batch := make([][]sql.Value, taken)
	for index, row := range cursor.rows[:taken] {
		for _, value := range row {
			converted, err := sql.ValueOf(value)
			if err != nil {
				return nil, err
			}
			batch[index] = append(batch[index], converted)
		}
	}
	cursor.rows = cursor.rows[taken:]
	return batch, nil
}

func (cursor *cursor) Close() {}

// Attempt stands in for the host's attempt; Lines holds what was logged, Checkpoint what was saved last.
type Attempt struct {
	Number     uint32
	Variables  map[string]string
	TenantName string
	Checkpoint []byte
	Cancelled  bool
	Lines      []string
}

// Context is a context of it.
func (attempt *Attempt) Context() *sandpiper.Context { return sandpiper.NewContext(host{attempt}) }

type host struct{ attempt *Attempt }

func (host host) IdempotencyKey() string { return "test" }
func (host host) Attempt() uint32        { return max(1, host.attempt.Number) }
func (host host) Tenant() (string, bool) {
	return host.attempt.TenantName, host.attempt.TenantName != ""
}
func (host host) Variable(name string) (string, bool) {
	value, isSet := host.attempt.Variables[name]
	return value, isSet
}
func (host host) Log(_ sandpiper.Level, message string) {
	host.attempt.Lines = append(host.attempt.Lines, message)
}
func (host host) Progress(uint64, uint64) {}
func (host host) SaveCheckpoint(data []byte) error {
	host.attempt.Checkpoint = append([]byte{}, data...)
	return nil
}
func (host host) LoadCheckpoint() ([]byte, bool) {
	return host.attempt.Checkpoint, host.attempt.Checkpoint != nil
}
func (host host) IsCancelled() bool { return host.attempt.Cancelled }
