// Package change makes as many calls to a database as the variable `count` says.
package change

import (
	"strconv"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/sql"
)

// Change is what it is.
var Change = sandpiper.Change{ID: "released-calls", Author: "sandpiper-tests", TargetSystem: "target"}

// Apply makes them.
func Apply(db *sql.Connection, ctx *sandpiper.Context) error {
	count := 3
	if text, isSet := ctx.Variable("count"); isSet {
		number, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		count = number
	}
	if _, err := db.Execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, note TEXT)"); err != nil {
		return err
	}
	for id := 1; id <= count; id++ {
		if _, err := db.Execute("INSERT INTO calls VALUES (?, ?)", id, "as the author says"); err != nil {
			return err
		}
	}
	var made int
	if err := db.QueryRow("SELECT count(*) FROM calls", nil, &made); err != nil {
		return err
	}
	ctx.Info("%d calls", made)
	return nil
}

// Rollback drops the table.
func Rollback(db *sql.Connection, ctx *sandpiper.Context) error {
	_, err := db.Execute("DROP TABLE calls")
	return err
}

// Verify looks for the table.
func Verify(db *sql.Connection, ctx *sandpiper.Context) (sandpiper.Verdict, error) {
	var there int
	err := db.QueryRow("SELECT count(*) FROM sqlite_master WHERE name = 'calls'", nil, &there)
	if there == 0 {
		return sandpiper.NotApplied, err
	}
	return sandpiper.Applied, err
}
