package abi

import "strings"

// ValueType is a WebAssembly value type in the encoding of the binary format
// (WebAssembly core specification 2.0, section 5.3.1).
type ValueType byte

// The value types that occur in the contract.
const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F64 ValueType = 0x7c
)

// String returns the type's name in the text format: of every value type, since
// a module's functions may have any.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F64:
		return "f64"
	case 0x7d:
		return "f32"
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x6f:
		return "externref"
	}
	return "unknown"
}

// Role says what a parameter's number stands for.
type Role uint8

// The roles.
const (
	RoleNumber   Role = iota // the number itself
	RoleUnsigned             // the number itself, without a sign
	RoleFlags                // bits
	RoleText                 // address of UTF-8 text that is read; the next parameter is its length
	RoleBytes                // address of bytes that are read; the next parameter is their length
	RoleRoom                 // address of bytes that are written; the next parameter is how many fit
	RoleLength               // the length in bytes that belongs to the address before it
	RoleEvent                // address of the event struct
)

// Param is one parameter of a Func.
type Param struct {
	Name string
	Type ValueType
	Role Role
}

// Func is one function of the contract: an export of the guest, an import that
// the host serves, or a function for a language's runtime.
type Func struct {
	// ID identifies an entry of Imports; 0 in other tables.
	ID Import
	// Name is the exact name in the module.
	Name    string
	Params  []Param
	Results []ValueType
	// Required marks an export without which a module is refused.
	Required bool
	// Callback is the bit of ch_callbacks that stands for this export, 0 for an
	// export that is not a callback.
	Callback Callback
	// Phase is the row that holds while this export runs; meaningless for imports.
	Phase Phase
	// Doc says what the function does, in Markdown without headings.
	Doc string
	// Example is a piece of C that compiles with chhost.h. Empty for WASI and
	// AssemblyScript, which authors reach through their language's library.
	Example string
}

// Signature returns the function's type as error messages and tables show it,
// such as "(i32, i32) -> i32" or "() -> ()".
func (f Func) Signature() string {
	params := make([]ValueType, len(f.Params))
	for i, p := range f.Params {
		params[i] = p.Type
	}
	return FormatSignature(params, f.Results)
}

// FormatSignature renders any function type in the notation of Func.Signature,
// so that "expected" and "found" in one message look alike.
func FormatSignature(params, results []ValueType) string {
	var b strings.Builder
	writeTypes(&b, params)
	b.WriteString(" -> ")
	if len(results) == 1 {
		b.WriteString(results[0].String())
	} else {
		writeTypes(&b, results)
	}
	return b.String()
}

func writeTypes(b *strings.Builder, types []ValueType) {
	b.WriteByte('(')
	for i, t := range types {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
	b.WriteByte(')')
}

// i32s makes the parameter list of a function that takes only 32-bit numbers.
// The role follows from the name, by the naming rules of the contract: "x_len"
// after "x", "len" after "ptr", "cap" after "buf".
func i32s(names ...string) []Param {
	params := make([]Param, len(names))
	for i, name := range names {
		params[i] = Param{Name: name, Type: I32, Role: roleOf(name)}
	}
	return params
}

func roleOf(name string) Role {
	switch name {
	case "ev":
		return RoleEvent
	case "ref", "key", "delay_ms":
		return RoleUnsigned
	case "flags":
		return RoleFlags
	case "ptr":
		return RoleBytes
	case "buf":
		return RoleRoom
	case "len", "cap":
		return RoleLength
	}
	switch {
	case strings.HasSuffix(name, "_ptr"):
		return RoleText
	case strings.HasSuffix(name, "_len"):
		return RoleLength
	}
	return RoleNumber
}

// one is the result list of a function that answers with a 32-bit number.
func one() []ValueType { return []ValueType{I32} }
