package wasm

import (
	"errors"
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

	trap error // as of a LimitError
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
	// Limit is the stable code of the limit.
	Limit LimitCode
	// Detail says how much was allowed.
	Detail string

	shared bool  // the limit is not this instance's alone
	trap   error // the engine's, with the guest's stack, if the guest was entered
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("wasm: limit %s exceeded in %s: %s", e.Limit, e.Phase, e.Detail)
}

// TrapError is returned when a guest trapped, which includes a Go panic and
// proc_exit. The instance has been destroyed and nothing it asked for happens.
type TrapError struct {
	Phase abi.Phase
	// Err is the engine's error, with the guest's stack, see [GuestStack].
	Err error
}

// Error is without the guest's stack, and one line.
func (e *TrapError) Error() string {
	text, _ := splitTrap(e.Err)
	return fmt.Sprintf("wasm: trap in %s: %s", e.Phase, printable(text, maxTrapText))
}

func (e *TrapError) Unwrap() error { return e.Err }

// What an author is shown of a trap, in bytes of its text and of its stack: the names
// of a guest's functions have any length.
const (
	maxTrapText  = 1 << 10
	maxTrapStack = 4 << 10
)

// GuestStack is the stack of the guest at the trap that err tells of: a line for each
// function, the innermost first. It is empty if there is none. What the guest's author
// has named, any bytes, is fit for a terminal.
func GuestStack(err error) string {
	var (
		trap     *TrapError
		contract *ContractError
		limit    *LimitError
	)
	switch {
	case errors.As(err, &trap):
		err = trap.Err
	case errors.As(err, &contract):
		err = contract.trap
	case errors.As(err, &limit):
		err = limit.trap
	}
	if err == nil {
		return ""
	}
	_, stack := splitTrap(err)
	var frames []string
	room := maxTrapStack
	for frame := range strings.Lines(stack) {
		frame = printable(strings.TrimSpace(frame), maxFrame)
		if room -= len(frame); room < 0 {
			frames = append(frames, "...")
			break
		}
		frames = append(frames, frame)
	}
	return strings.Join(frames, "\n")
}

// maxFrame is how much of one function is shown.
const maxFrame = 256

// splitTrap takes the engine's error apart.
func splitTrap(err error) (text, stack string) {
	text, stack, _ = strings.Cut(err.Error(), "\nwasm stack trace:\n")
	return text, stack
}
