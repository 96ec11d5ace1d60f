// Package cases is the cases of `tests/languages`, in Go.
package cases

import (
	"fmt"
	"strconv"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/sql"
)

// Change is what it is.
var Change = sandpiper.Change{
	ID:            "language-cases",
	Author:        "sandpiper-tests",
	TargetSystem:  "target",
	Description:   "the cases in Go",
	Transactional: sandpiper.No,
	Uses:          []string{"second"},
	Labels:        map[string]string{"language": "go"},
	Retry:         "2 100ms..100ms",
}

// Apply runs the variable `case`.
func Apply(db *sql.Connection, ctx *sandpiper.Context) error { return run("case", "normal", db, ctx) }

// Rollback runs the variable `rollback`.
func Rollback(db *sql.Connection, ctx *sandpiper.Context) error {
	return run("rollback", "drop", db, ctx)
}

// Verify answers with the variable `verdict`, else looks.
func Verify(db *sql.Connection, ctx *sandpiper.Context) (sandpiper.Verdict, error) {
	verdicts := map[string]sandpiper.Verdict{
		"applied": sandpiper.Applied, "not-applied": sandpiper.NotApplied,
		"partly-applied": sandpiper.PartlyApplied, "unknown": sandpiper.Unknown,
	}
	if name, isSet := ctx.Variable("verdict"); isSet {
		return verdicts[name], nil
	}
	var count int
	err := db.QueryRow("SELECT count(*) FROM sqlite_master WHERE name = 'case_rows'", nil, &count)
	if count == 1 {
		return sandpiper.Applied, err
	}
	return sandpiper.NotApplied, err
}

func run(variable, otherwise string, db *sql.Connection, ctx *sandpiper.Context) error {
	name, isSet := ctx.Variable(variable)
	if !isSet {
		name = otherwise
	}
	switch name {
	case "normal":
		return normal(db)
	case "drop":
		for _, table := range []string{"case_rows", "case_values", "case_seen", "case_steps"} {
			if _, err := db.Execute("DROP TABLE IF EXISTS " + table); err != nil {
				return err
			}
		}
		return nil
	case "values":
		return values(db)
	case "cursor":
		return cursor(db)
	case "refused":
		_, err := db.Query("SELECT * FROM no_such_table")
		return err
	case "one-of-many":
		var number int
		return db.QueryRow("SELECT 1 UNION SELECT 2", nil, &number)
	case "precondition":
		return sandpiper.Precondition("as the case says")
	case "failed":
		return sandpiper.Failed("as the case says")
	case "failed-after-write":
		if _, err := db.Execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY)"); err != nil {
			return err
		}
		return sandpiper.Failed("as the case says")
	case "transient":
		return sandpiper.Transient("as the case says")
	case "irreversible":
		return sandpiper.Irreversible("as the case says")
	case "log":
		for level, name := range []string{"trace", "debug", "info", "warn", "error"} {
			ctx.Log(sandpiper.Level(level), "a line of the level %s", name)
		}
		fmt.Println("a line that was printed")
		return nil
	case "progress":
		for done := range uint64(11) {
			ctx.Progress(done, 10)
		}
		return nil
	case "context":
		return context(db, ctx)
	case "required":
		_, err := ctx.RequiredVariable("no-such-variable")
		return err
	case "steps":
		return steps(db, ctx)
	case "trap":
		panic("as the case says")
	case "endless":
		for {
		}
	case "memory":
		var held [][]byte
		for {
			held = append(held, make([]byte, 1<<20))
			held[len(held)-1][0] = 1
		}
	case "uses":
		return uses(db)
	case "undeclared":
		_, err := sql.Open("third")
		return err
	}
	return sandpiper.Failed("there is no case `%s`", name)
}

func see(db *sql.Connection, name, seen string) error {
	if _, err := db.Execute("CREATE TABLE IF NOT EXISTS case_seen (name TEXT, seen TEXT)"); err != nil {
		return err
	}
	_, err := db.Execute("INSERT INTO case_seen VALUES (?, ?)", name, seen)
	return err
}

func normal(db *sql.Connection) error {
	if err := db.RunScript("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT);"); err != nil {
		return err
	}
	for _, row := range [][]any{{1, "first"}, {2, nil}} {
		if _, err := db.Execute("INSERT INTO case_rows VALUES (?, ?)", row...); err != nil {
			return err
		}
	}
	var count int
	if err := db.QueryRow("SELECT count(*) FROM case_rows", nil, &count); err != nil {
		return err
	}
	return see(db, "rows", strconv.Itoa(count))
}

func values(db *sql.Connection) error {
	if _, err := db.Execute("CREATE TABLE case_values (a, b, c, d, e, f, g, h, i, j, k, l, m)"); err != nil {
		return err
	}
	_, err := db.Execute("INSERT INTO case_values VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		true, int64(-1<<63), 0.1, sql.Decimal("12345678901234567890.0123456789"), "gr\u00fcn \U0001f426 'quoted' \\ ?",
		[]byte{0, 255, 128}, sql.UUID("0191e6b2-6d3c-7c4e-8f00-0123456789ab"), sql.Date("2026-02-28"), sql.Time("23:59:59"),
		sql.Timestamp("2026-02-28T23:59:59"), sql.JSON(`{"a": [1, null]}`), sql.Other{Type: "point", Text: "(1,2)"}, nil)
	if err != nil {
		return err
	}
	rows, err := db.Query("SELECT * FROM case_values")
	if err != nil {
		return err
	}
	for rows.Next() {
		for index, value := range rows.Values() {
			var seen string
			switch value.Kind {
			case sql.KindNull:
				seen = "null"
			case sql.KindInteger:
				seen = fmt.Sprintf("integer %d", value.Integer)
			case sql.KindDouble:
				seen = fmt.Sprintf("double %v", value.Double)
			case sql.KindText:
				seen = "text " + value.Text
			case sql.KindBytes:
				seen = fmt.Sprintf("bytes %x", value.Bytes)
			default:
				seen = "another kind: " + value.Kind.String()
			}
			if err := see(db, rows.Columns()[index].Name, seen); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

func cursor(db *sql.Connection) error {
	if _, err := db.Execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)"); err != nil {
		return err
	}
	affected, err := db.ExecuteMany("INSERT INTO case_rows VALUES (?, ?)", func(yield func([]any) bool) {
		for id := 1; id <= 1_200; id++ {
			if !yield([]any{id, fmt.Sprintf("row %d", id)}) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	rows, err := db.Query("SELECT id FROM case_rows ORDER BY id")
	if err != nil {
		return err
	}
	var count, sum int64
	for rows.BatchSize(7).Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		count++
		sum += id
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return see(db, "cursor", fmt.Sprintf("%d %d %d", affected, count, sum))
}

func context(db *sql.Connection, ctx *sandpiper.Context) error {
	either := func(first bool, one, other string) string {
		if first {
			return one
		}
		return other
	}
	tenant, hasTenant := ctx.Tenant()
	unset, isSet := ctx.Variable("no such variable")
	_, hasCheckpoint := ctx.LoadCheckpoint()
	for _, seen := range [][2]string{
		{"attempt", strconv.Itoa(int(ctx.Attempt()))},
		{"key", either(len(ctx.IdempotencyKey()) > 10, "long", "short")},
		{"tenant", either(hasTenant, tenant, "none")},
		{"unset", either(isSet, unset, "none")},
		{"checkpoint", either(hasCheckpoint, "some", "none")},
		{"cancelled", either(ctx.IsCancelled(), "yes", "no")},
		{"dialect", db.Dialect()},
	} {
		if err := see(db, seen[0], seen[1]); err != nil {
			return err
		}
	}
	return nil
}

// steps goes on after the checkpoint; the first attempt fails before the fourth step.
func steps(db *sql.Connection, ctx *sandpiper.Context) error {
	if _, err := db.Execute("CREATE TABLE IF NOT EXISTS case_steps (step INTEGER, attempt INTEGER)"); err != nil {
		return err
	}
	checkpoint, _ := ctx.LoadCheckpoint()
	done, _ := strconv.Atoi(string(checkpoint))
	for step := done + 1; step <= 6; step++ {
		if _, stops := ctx.Variable("stop"); stops && step == 4 {
			return sandpiper.Failed("as the case says")
		}
		if _, err := db.Execute("INSERT INTO case_steps VALUES (?, ?)", step, ctx.Attempt()); err != nil {
			return err
		}
		if err := ctx.SaveCheckpoint([]byte(strconv.Itoa(step))); err != nil {
			return err
		}
	}
	return nil
}

func uses(db *sql.Connection) error {
	if _, err := db.Execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)"); err != nil {
		return err
	}
	second, err := sql.Open("second")
	if err != nil {
		return err
	}
	rows, err := second.Query("SELECT id, note FROM there")
	if err != nil {
		return err
	}
	for rows.Next() {
		var id, note any
		if err := rows.Scan(&id, &note); err != nil {
			return err
		}
		if _, err := db.Execute("INSERT INTO case_rows VALUES (?, ?)", id, note); err != nil {
			return err
		}
	}
	return rows.Err()
}
