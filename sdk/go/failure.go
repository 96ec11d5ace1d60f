package sandpiper

import (
	"errors"
	"fmt"
)

// Kind is what is known about the effect of a change that did not succeed, numbered as the contract has it.
type Kind uint8

// What may be known.
const (
	// KindPrecondition: a precondition did not hold, and nothing was changed.
	KindPrecondition Kind = 0
	// KindFailed: the target system may have been changed.
	KindFailed Kind = 1
	// KindTransient: may be gone on the next attempt.
	KindTransient Kind = 3
	// KindIrreversible: of a rollback, there is no way back.
	KindIrreversible Kind = 4
)

// Failure is an error that says what is known about the effect.
type Failure struct {
	Kind Kind
	err  error
}

func (failure *Failure) Error() string { return failure.err.Error() }

// Unwrap gives what caused it, where %w named that.
func (failure *Failure) Unwrap() error { return errors.Unwrap(failure.err) }

// Precondition says that a precondition did not hold, and nothing was changed. It formats as fmt.Errorf does.
func Precondition(format string, arguments ...any) error {
	return &Failure{KindPrecondition, fmt.Errorf(format, arguments...)}
}

// Failed says that something went wrong; so does any other error.
func Failed(format string, arguments ...any) error {
	return &Failure{KindFailed, fmt.Errorf(format, arguments...)}
}

// Transient says that something went wrong that may be gone on the next attempt.
func Transient(format string, arguments ...any) error {
	return &Failure{KindTransient, fmt.Errorf(format, arguments...)}
}

// Irreversible says, of a rollback, that there is no way back.
func Irreversible(format string, arguments ...any) error {
	return &Failure{KindIrreversible, fmt.Errorf(format, arguments...)}
}

// KindOf is what an error says about the effect: its own word, or that of an error of a system.
func KindOf(err error) Kind {
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		return failure.Kind
	}
	if system := (interface{ IsTransient() bool })(nil); errors.As(err, &system) && system.IsTransient() {
		return KindTransient
	}
	return KindFailed
}
