package sql

import "strings"

// ErrorKind is which case of the contract an error is, numbered as there.
type ErrorKind uint8

// The cases; RowCount is this SDK's own.
const (
	Refused ErrorKind = iota
	ConnectionLost
	Denied
	Conversion
	LimitExceeded
	OtherError
	RowCount
)

// Error is why a call to a database did not succeed.
type Error struct {
	Kind ErrorKind
	// Message is what was said, by the database or by the host.
	Message string
	// Code is the SQLSTATE, or the database's own code where it has none, if it is the database that refused.
	Code         string
	Detail, Hint string
	// Position is where in the statement, in bytes from its start; -1 where that is not known.
	Position int
	// Extras are further facts by name: constraint, table, column.
	Extras map[string]string
	// Name is the host's name of OtherError.
	Name string
}

func (err *Error) Error() string {
	switch err.Kind {
	case Refused:
		words := err.Message + " (" + err.Code + ")"
		if err.Detail != "" {
			words += "; detail: " + err.Detail
		}
		if err.Hint != "" {
			words += "; hint: " + err.Hint
		}
		return words
	case ConnectionLost:
		return "the connection was lost: " + err.Message
	case Denied:
		return "the host refused this: " + err.Message
	case LimitExceeded:
		return "a limit was reached: " + err.Message
	case OtherError:
		return err.Name + ": " + err.Message
	}
	return err.Message
}

// IsTransient is whether this may be gone on the next attempt.
func (err *Error) IsTransient() bool {
	if err.Kind == Refused {
		for _, code := range []string{"40", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED"} {
			if strings.HasPrefix(err.Code, code) {
				return true
			}
		}
	}
	return err.Kind == ConnectionLost
}
