package wasm

import (
	"fmt"
	"strings"

	"github.com/chhost/chhost/abi"
)

// ModuleError is returned by [Engine.Compile] for a module that cannot be
// served. Faults lists everything that is wrong with it, not only the first.
type ModuleError struct {
	// Name is the plugin's name.
	Name   string
	Faults []string
}

func (e *ModuleError) Error() string {
	if len(e.Faults) == 1 {
		return fmt.Sprintf("plugin %s cannot be served: %s", e.Name, e.Faults[0])
	}
	return fmt.Sprintf("plugin %s cannot be served, %d faults:\n  - %s", e.Name, len(e.Faults), strings.Join(e.Faults, "\n  - "))
}

// ContractError is returned when a guest broke a rule of the contract while it
// ran. The instance has been destroyed and nothing it asked for happens.
type ContractError struct {
	// Phase is the callback that was running.
	Phase abi.Phase
	// Import is the function that the guest called, or empty if the fault lies in
	// what the callback returned.
	Import string
	// Argument is the argument that broke the rule, or empty.
	Argument string
	// Rule is the rule, and what was found instead.
	Rule string
}

func (e *ContractError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wasm: contract broken in %s: ", e.Phase)
	if e.Import != "" {
		b.WriteString(e.Import)
		if e.Argument != "" {
			b.WriteString(", argument " + e.Argument)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Rule)
	return b.String()
}

// LimitError is returned when a guest went beyond one of the [Limits]. The
// instance has been destroyed and nothing it asked for happens.
type LimitError struct {
	Phase abi.Phase
	// Limit is the stable code of the limit, such as "too_many_effects".
	Limit string
	// Detail says how much was allowed.
	Detail string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("wasm: limit %s exceeded in %s: %s", e.Limit, e.Phase, e.Detail)
}

// TrapError is returned when a guest trapped, which includes a Go panic and
// proc_exit. The instance has been destroyed and nothing it asked for happens.
type TrapError struct {
	Phase abi.Phase
	// Err is the engine's error, with the guest's stack.
	Err error
}

// Error is short enough to be logged: the names of a guest's functions, which
// its stack consists of, can have any length.
func (e *TrapError) Error() string {
	text := e.Err.Error()
	if len(text) > maxTrapText {
		text = string(cutText([]byte(text), maxTrapText)) + " [cut]"
	}
	return fmt.Sprintf("wasm: trap in %s: %s", e.Phase, text)
}

const maxTrapText = 8 << 10

func (e *TrapError) Unwrap() error { return e.Err }
