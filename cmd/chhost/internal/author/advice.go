package author

import (
	"errors"
	"slices"
	"strings"

	"github.com/chhost/chhost/host/wasm"
)

// buildGo is how a module is made of Go source.
const buildGo = "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared"

// RefusedError is returned for a module that cannot be served.
type RefusedError struct {
	*wasm.ModuleError
	// Advice says what to do, where the faults have one well-known cause.
	Advice string
}

func (e *RefusedError) Error() string {
	if e.Advice == "" {
		return e.ModuleError.Error()
	}
	return e.ModuleError.Error() + "\n" + e.Advice
}

func (e *RefusedError) Unwrap() error { return e.ModuleError }

// refused adds advice to the error of a compilation.
func (m *Module) refused(err error) error {
	var fault *wasm.ModuleError
	if !errors.As(err, &fault) {
		return err
	}
	return &RefusedError{fault, advise(m.Binary)}
}

// CheckFile returns a [*RefusedError] for what is no module in WebAssembly's binary
// format at all, so that nobody uploads it.
func (m *Module) CheckFile() error {
	return m.refused(wasm.CheckBinary(wasm.Module{Name: m.Name, Binary: m.Binary}))
}

// advise returns what to do about a module that is refused, or "".
func advise(binary []byte) string {
	if !isWasm(binary) {
		return adviseOther(binary)
	}
	info := wasm.InspectModule(binary)
	has := func(export string) bool { return slices.Contains(info.Exports, export) }
	if slices.ContainsFunc(info.Imports, func(i wasm.ImportName) bool { return i.Module == "gojs" }) {
		return "The module was built for a browser (GOOS=js). Build it with " + buildGo + "."
	}
	var advice []string
	if has("_start") && !has("_initialize") {
		advice = append(advice, "In Go, build it with "+buildGo+", or name the directory of the source and chhost builds it.")
	}
	if len(info.Exports) > 0 && !has("ch_abi_version") && !has("join") {
		advice = append(advice, `The module has nothing of a plugin. In Go, import the SDK and call chhost.Register in an init function; "chhost new NAME" makes a plugin to start from.`)
	}
	return strings.Join(advice, "\n")
}

// sniffed is how many bytes tell what a file is.
const sniffed = 512

func isWasm(head []byte) bool { return strings.HasPrefix(string(head), "\x00asm") }

// adviseOther says what to do with a file that is no module.
func adviseOther(head []byte) string {
	text := strings.TrimLeft(string(head), " \t\r\n")
	starts := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(text, p) })
	}
	switch {
	case starts("\x7fELF", "MZ", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"):
		return "The file is a program for this machine's operating system. Build the module with " + buildGo + "."
	case starts("(module", "(;", ";;"):
		return "The file is WebAssembly text. Assemble it first: wat2wasm FILE.wat"
	case starts("package ", "//"):
		return "The file is source. Name the directory that it is in, which chhost then builds."
	}
	return ""
}
