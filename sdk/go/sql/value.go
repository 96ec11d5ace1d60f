package sql

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Kind is the kind of a value, numbered as the contract has it.
type Kind uint8

// The kinds.
const (
	KindNull Kind = iota
	KindBoolean
	KindInteger
	KindDouble
	KindDecimal
	KindText
	KindBytes
	KindUUID
	KindDate
	KindTime
	KindTimestamp
	KindJSON
	KindOther
)

var names = [...]string{
	"NULL", "a boolean", "an integer", "a double", "a decimal", "text", "bytes", "a UUID", "a date", "a time",
	"a timestamp", "JSON", "another type",
}

func (kind Kind) String() string { return names[kind] }

// Value is a value with its kind. Text holds what is text on its way, and Type the type's name of KindOther.
type Value struct {
	Kind    Kind
	Boolean bool
	Integer int64
	Double  float64
	Bytes   []byte
	Type    string
	Text    string
}

// Texts of a kind of their own, as parameters of a statement.
type (
	// Decimal is an exact number in base 10.
	Decimal string
	// UUID is a UUID.
	UUID string
	// Date is "2026-01-31".
	Date string
	// Time is "23:59:59.5".
	Time string
	// Timestamp is "2026-01-31T23:59:59Z".
	Timestamp string
	// JSON is a document.
	JSON string
	// Other is a value of another type of the database: the name of the type, and the database's own text form.
	Other struct{ Type, Text string }
)

// ValueOf is a Go value as a parameter.
func ValueOf(from any) (Value, error) {
	switch value := from.(type) {
	case nil:
		return Value{}, nil
	case Value:
		return value, nil
	case bool:
		return Value{Kind: KindBoolean, Boolean: value}, nil
	case int:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case int8:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case int16:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case int32:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case int64:
		return Value{Kind: KindInteger, Integer: value}, nil
	case uint8:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case uint16:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case uint32:
		return Value{Kind: KindInteger, Integer: int64(value)}, nil
	case uint:
		return unsigned(uint64(value)), nil
	case uint64:
		return unsigned(value), nil
	case float32:
		return Value{Kind: KindDouble, Double: float64(value)}, nil
	case float64:
		return Value{Kind: KindDouble, Double: value}, nil
	case string:
		return Value{Kind: KindText, Text: value}, nil
	case []byte:
		return Value{Kind: KindBytes, Bytes: value}, nil
	case time.Time:
		return Value{Kind: KindTimestamp, Text: value.Format(time.RFC3339Nano)}, nil
	case Decimal:
		return Value{Kind: KindDecimal, Text: string(value)}, nil
	case UUID:
		return Value{Kind: KindUUID, Text: string(value)}, nil
	case Date:
		return Value{Kind: KindDate, Text: string(value)}, nil
	case Time:
		return Value{Kind: KindTime, Text: string(value)}, nil
	case Timestamp:
		return Value{Kind: KindTimestamp, Text: string(value)}, nil
	case JSON:
		return Value{Kind: KindJSON, Text: string(value)}, nil
	case Other:
		return Value{Kind: KindOther, Type: value.Type, Text: value.Text}, nil
	case *string:
		if value == nil {
			return Value{}, nil
		}
		return Value{Kind: KindText, Text: *value}, nil
	case *int64:
		if value == nil {
			return Value{}, nil
		}
		return Value{Kind: KindInteger, Integer: *value}, nil
	}
	return Value{}, &Error{Kind: Conversion, Message: fmt.Sprintf("%T is no SQL value", from)}
}

// unsigned travels as a decimal where it does not fit into 64 bits with a sign.
func unsigned(value uint64) Value {
	if value > math.MaxInt64 {
		return Value{Kind: KindDecimal, Text: strconv.FormatUint(value, 10)}
	}
	return Value{Kind: KindInteger, Integer: int64(value)}
}

func valuesOf(parameters []any) ([]Value, error) {
	values := make([]Value, len(parameters))
	for index, parameter := range parameters {
		value, err := ValueOf(parameter)
		if err != nil {
			return nil, err
		}
		values[index] = value
	}
	return values, nil
}

// Any is the value as Go has it: nil, bool, int64, float64, string or []byte; what is text on its way is a string.
func (value Value) Any() any {
	switch value.Kind {
	case KindNull:
		return nil
	case KindBoolean:
		return value.Boolean
	case KindInteger:
		return value.Integer
	case KindDouble:
		return value.Double
	case KindBytes:
		return value.Bytes
	}
	return value.Text
}

// scan stores a value where a pointer points; false when it is of another kind or does not fit.
func (value Value) scan(into any) bool {
	isText := value.Kind >= KindDecimal && value.Kind != KindBytes
	switch target := into.(type) {
	case *Value:
		*target = value
	case *any:
		*target = value.Any()
	case *string:
		*target = value.Text
		return isText
	case *[]byte:
		*target = value.Bytes
		return value.Kind == KindBytes
	case *bool:
		// From 0 and 1 as well: SQLite and MySQL have no booleans of their own.
		*target = value.Boolean || value.Integer == 1
		return value.Kind == KindBoolean || value.Kind == KindInteger && (value.Integer == 0 || value.Integer == 1)
	case *int64:
		return value.integer(target)
	case *int:
		var number int64
		fits := value.integer(&number)
		*target = int(number)
		return fits
	case *float64:
		switch value.Kind {
		case KindDouble:
			*target = value.Double
		case KindInteger:
			*target = float64(value.Integer)
		case KindDecimal:
			number, err := strconv.ParseFloat(value.Text, 64)
			*target = number
			return err == nil
		default:
			return false
		}
	case **string:
		if value.Kind == KindNull {
			*target = nil
			return true
		}
		*target = new(string)
		return value.scan(*target)
	case **int64:
		if value.Kind == KindNull {
			*target = nil
			return true
		}
		*target = new(int64)
		return value.scan(*target)
	case **float64:
		if value.Kind == KindNull {
			*target = nil
			return true
		}
		*target = new(float64)
		return value.scan(*target)
	default:
		return false
	}
	return true
}

// integer reads a decimal without a fraction as well: sums are decimals in most databases.
func (value Value) integer(into *int64) bool {
	if value.Kind == KindDecimal {
		number, err := strconv.ParseInt(value.Text, 10, 64)
		*into = number
		return err == nil
	}
	*into = value.Integer
	return value.Kind == KindInteger
}
