package wasm

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
)

// assemblyScriptFunc returns the host's side of what AssemblyScript imports.
func assemblyScriptFunc(f abi.Func) api.GoModuleFunc {
	implementation := assemblyScriptOf(f.Name)
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		i := ctx.(*callContext).inst
		i.current.importing = f.Name
		i.spend(hostCall)
		implementation(i, stack)
	}
}

func assemblyScriptOf(name string) func(i *instance, args []uint64) {
	switch name {
	case "abort":
		return (*instance).importAbort
	case "seed":
		return func(i *instance, args []uint64) { args[0] = api.EncodeF64(i.random.float()) }
	case "trace":
		return (*instance).importTrace
	case "console.log":
		return func(i *instance, args []uint64) {
			i.logText(i.assemblyScriptText("message", args[0]))
		}
	case "Date.now":
		return func(i *instance, args []uint64) { args[0] = api.EncodeF64(float64(i.clock.time().UnixMilli())) }
	}
	panic(fmt.Sprintf("BUG: wasm: import %s has no implementation", name))
}

// abortError is the trap of a guest in AssemblyScript that gave up.
type abortError struct {
	message, file string
	line, column  uint32
}

func (e *abortError) Error() string {
	return fmt.Sprintf("abort: %q in %q, line %d, column %d", e.message, e.file, e.line, e.column)
}

func (i *instance) importAbort(args []uint64) {
	panic(&abortError{
		message: i.assemblyScriptText("message", args[0]),
		file:    i.assemblyScriptText("file", args[1]),
		line:    api.DecodeU32(args[2]),
		column:  api.DecodeU32(args[3]),
	})
}

func (i *instance) importTrace(args []uint64) {
	var b strings.Builder
	b.WriteString(i.assemblyScriptText("message", args[0]))
	numbers := args[2:7]
	for n := range min(api.DecodeU32(args[1]), uint32(len(numbers))) {
		separator := ", "
		if n == 0 {
			separator = " "
		}
		b.WriteString(separator + strconv.FormatFloat(api.DecodeF64(numbers[n]), 'g', -1, 64))
	}
	i.logText(b.String())
}

func (i *instance) logText(text string) {
	i.spend(i.plugin.log.cost(len(text)))
	i.lines.add(abi.LogInfo, []byte(text))
}

// assemblyScriptText reads a string of AssemblyScript, UTF-16 with its length in
// bytes in the four bytes before it: so much of it that the log sees whether it
// has to cut it. The address 0 is no text.
func (i *instance) assemblyScriptText(argument string, ptr uint64) string {
	at := api.DecodeU32(ptr)
	if at == 0 {
		return ""
	}
	size, ok := i.memory.ReadUint32Le(at - 4) // which is out of the memory if at is less than 4
	if !ok {
		i.broken(argument, fmt.Sprintf("there is no string at address %d of the memory, which ends at %d", at, i.memory.Size()))
	}
	data := i.read(argument, uint64(at), uint64(size))
	units := make([]uint16, min(len(data)/2, i.plugin.limits.LogLine+1))
	i.spend(int64(8 * len(units)))
	for n := range units {
		units[n] = binary.LittleEndian.Uint16(data[2*n:])
	}
	return string(utf16.Decode(units))
}
