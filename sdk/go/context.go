package sandpiper

import "fmt"

// Level is how much a line of the log matters.
type Level uint8

// The levels.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Host is what a Context calls: the host, or what stands in for it in a test.
type Host interface {
	IdempotencyKey() string
	Attempt() uint32
	Tenant() (string, bool)
	Variable(name string) (string, bool)
	Log(level Level, message string)
	Progress(done, total uint64)
	SaveCheckpoint(data []byte) error
	LoadCheckpoint() ([]byte, bool)
	IsCancelled() bool
}

// Context is the attempt that a change runs in: its variables, its log, its checkpoints.
type Context struct{ host Host }

// NewContext makes one; changes are handed theirs.
func NewContext(host Host) *Context { return &Context{host} }

// IdempotencyKey is the same text for every attempt of one change.
func (ctx *Context) IdempotencyKey() string { return ctx.host.IdempotencyKey() }

// Attempt is which attempt this is, counted from 1.
func (ctx *Context) Attempt() uint32 { return ctx.host.Attempt() }

// Tenant is the tenant of this run, where the pipeline has tenants.
func (ctx *Context) Tenant() (string, bool) { return ctx.host.Tenant() }

// Variable is a variable of the configuration, if it is set.
func (ctx *Context) Variable(name string) (string, bool) { return ctx.host.Variable(name) }

// RequiredVariable is the same; that it is not set is a precondition that does not hold.
func (ctx *Context) RequiredVariable(name string) (string, error) {
	value, isSet := ctx.host.Variable(name)
	if !isSet {
		return "", Precondition("variable `%s` is not set; set it in `variables:` or with --set", name)
	}
	return value, nil
}

// Log writes a line into the log of this attempt, formatted as fmt.Sprintf does.
func (ctx *Context) Log(level Level, format string, arguments ...any) {
	ctx.host.Log(level, fmt.Sprintf(format, arguments...))
}

// Trace logs at that level.
func (ctx *Context) Trace(format string, arguments ...any) { ctx.Log(LevelTrace, format, arguments...) }

// Debug logs at that level.
func (ctx *Context) Debug(format string, arguments ...any) { ctx.Log(LevelDebug, format, arguments...) }

// Info logs at that level.
func (ctx *Context) Info(format string, arguments ...any) { ctx.Log(LevelInfo, format, arguments...) }

// Warn logs at that level.
func (ctx *Context) Warn(format string, arguments ...any) { ctx.Log(LevelWarn, format, arguments...) }

// Error logs at that level. The change goes on: to end it, return an error.
func (ctx *Context) Error(format string, arguments ...any) { ctx.Log(LevelError, format, arguments...) }

// Progress says how far the change is; total is 0 if unknown.
func (ctx *Context) Progress(done, total uint64) { ctx.host.Progress(done, total) }

// SaveCheckpoint keeps data for the next attempt of this change.
func (ctx *Context) SaveCheckpoint(data []byte) error {
	if err := ctx.host.SaveCheckpoint(data); err != nil {
		return Failed("the checkpoint was not saved: %w", err)
	}
	return nil
}

// LoadCheckpoint is what was saved last, by this or an earlier attempt.
func (ctx *Context) LoadCheckpoint() ([]byte, bool) { return ctx.host.LoadCheckpoint() }

// IsCancelled is true once the host wants the change to stop at its next safe point.
func (ctx *Context) IsCancelled() bool { return ctx.host.IsCancelled() }
