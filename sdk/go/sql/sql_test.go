package sql_test

import (
	"errors"
	"testing"

	sandpiper "sandpiper-sdk"
	"sandpiper-sdk/sandpipertest"
	"sandpiper-sdk/sql"
)

func TestRowsAreScannedAsThoseOfDatabaseSQL(t *testing.T) {
	database := &sandpipertest.Database{
		Columns: []string{"id", "note"},
		Answers: map[string]any{"SELECT": [][]any{{1, "a"}, {sql.Decimal("2"), nil}}},
	}
	rows, err := database.Connection().Query("SELECT id, note FROM t", 7)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for rows.BatchSize(1).Next() {
		var id int64
		var note *string
		if err := rows.Scan(&id, &note); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if len(ids) != 2 || ids[1] != 2 || rows.Err() != nil || database.Calls[0].Parameters[0] != int64(7) {
		t.Fatal(ids, rows.Err(), database.Calls)
	}
}

func TestTheOnlyRowIsTheOnlyOne(t *testing.T) {
	database := &sandpipertest.Database{
		Columns: []string{"id"},
		Answers: map[string]any{"SELECT": [][]any{{1}, {2}}, "TEXT": [][]any{{"a"}}},
	}
	var id int
	for statement, expected := range map[string]string{
		"SELECT": "the query was to find one row and found more",
		"NONE":   "the query was to find one row and found none",
		"TEXT":   "column `id` holds text, which is no `int`",
	} {
		if err := database.Connection().QueryRow(statement, nil, &id); err == nil || err.Error() != expected {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestErrorsSayWhatIsKnownOfTheEffect(t *testing.T) {
	deadlock := &sql.Error{Kind: sql.Refused, Message: "no", Code: "40P01"}
	for _, row := range []struct {
		err  error
		kind sandpiper.Kind
		text string
	}{
		{sandpiper.Precondition("a %d", 1), sandpiper.KindPrecondition, "a 1"},
		{sandpiper.Irreversible("b: %w", errors.New("c")), sandpiper.KindIrreversible, "b: c"},
		{sandpiper.Failed("d: %w", deadlock), sandpiper.KindFailed, "d: no (40P01)"},
		{deadlock, sandpiper.KindTransient, "no (40P01)"},
		{&sql.Error{Kind: sql.Refused, Message: "no", Code: "23505"}, sandpiper.KindFailed, "no (23505)"},
	} {
		if kind := sandpiper.KindOf(row.err); kind != row.kind || row.err.Error() != row.text {
			t.Errorf("%v is of the kind %d", row.err, kind)
		}
	}
}

func TestWhatIsNoValueIsRefusedAndWhatDoesNotFitIsADecimal(t *testing.T) {
	if _, err := sql.ValueOf(struct{}{}); err == nil || err.Error() != "struct {} is no SQL value" {
		t.Error(err)
	}
	if value, _ := sql.ValueOf(uint64(1 << 63)); value.Kind != sql.KindDecimal || value.Text != "9223372036854775808" {
		t.Error(value)
	}
}
