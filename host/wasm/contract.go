package wasm

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/wasm/module"
)

// CheckBinary looks at the module's size and first eight bytes (WebAssembly core
// specification 2.0, section 5.5.16), as [Engine.Compile] does first. The error is a
// [*ModuleError].
func CheckBinary(m Module) error {
	fault := func(text string) error { return &ModuleError{Name: m.Name, Faults: []string{text}} }
	switch {
	case len(m.Binary) > maxModule:
		return fault(fmt.Sprintf("the module has %d bytes, more than the %d that are taken", len(m.Binary), maxModule))
	case len(m.Binary) < 8 || string(m.Binary[:4]) != "\x00asm":
		return fault("this is not a WebAssembly module: it does not start with \\0asm (in Go, build one with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared)")
	}
	switch version := binary.LittleEndian.Uint32(m.Binary[4:]); version {
	case 1:
		return nil
	case 0x0001000d:
		return fault("this is a WebAssembly component; a plugin is a core module (do not wrap it with a component tool)")
	default:
		return fault(fmt.Sprintf("the version of the binary format is %#x; only 1 is known", version))
	}
}

// maxFaults is how many faults of a module are listed. A module has room for
// millions.
const maxFaults = 100

// contractFaults compares a decoded module with the contract and lists every
// difference.
func contractFaults(m *module.Module) []string {
	faults := importFaults(m)
	faults = append(faults, exportFaults(m)...)
	faults = append(faults, shapeFaults(m)...)
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults], "there are more faults")
	}
	return faults
}

// quote makes a name of the module, which has any length, fit for an error.
func quote(name string) string {
	if len(name) > abi.MaxName {
		return strconv.Quote(name[:abi.MaxName]) + "..."
	}
	return strconv.Quote(name)
}

func importFaults(m *module.Module) []string {
	var faults []string
	served := servedImports()
	for _, i := range m.Imports {
		if len(faults) > maxFaults {
			break
		}
		if i.Kind != module.KindFunction {
			continue
		}
		from, name := m.Text(i.Module), m.Text(i.Name)
		want, ok := served[name]
		switch is := signature(m, &m.Types[i.Index]); {
		case !ok || want.module != from:
			faults = append(faults, unknownImport(from, name, served))
		case is != want.Signature():
			faults = append(faults, fmt.Sprintf("import %s %s has the type %s: expected %s", quote(from), quote(name), is, want.Signature()))
		}
	}
	return faults
}

// servedImport is a function that guests may import, and the module that has it.
type servedImport struct {
	abi.Func
	module string
}

// servedImports are all of them by name; no two modules have the same.
func servedImports() map[string]servedImport {
	served := make(map[string]servedImport)
	for name, funcs := range map[string][]abi.Func{
		abi.Module: abi.Imports(), abi.WASIModule: abi.WASI(), abi.AssemblyScriptModule: abi.AssemblyScript(),
	} {
		for _, f := range funcs {
			served[f.Name] = servedImport{f, name}
		}
	}
	return served
}

func unknownImport(from, name string, served map[string]servedImport) string {
	fault := fmt.Sprintf("import %s %s is not served", quote(from), quote(name))
	_, known := served[name]
	near := served[abi.Nearest(name, slices.Sorted(maps.Keys(served)))]
	switch {
	case from != abi.Module && strings.HasPrefix(from, "chhost_v"):
		return fault + fmt.Sprintf(": the module was built for another major version of the contract, this host serves %q", abi.Module)
	case known:
		return fault + fmt.Sprintf(": %q belongs to the module %q", name, served[name].module)
	case from != abi.Module && from != abi.WASIModule && from != abi.AssemblyScriptModule:
		return fault + fmt.Sprintf(": functions are imported from %q, %q and %q", abi.Module, abi.WASIModule, abi.AssemblyScriptModule)
	case from == abi.Module && abi.IsLaterImport(name):
		return fault + fmt.Sprintf(": it is kept for a later version of the contract, this host serves %d.%d", abi.Major, abi.Minor)
	case near.module == from:
		return fault + fmt.Sprintf(": did you mean %q?", near.Name)
	case near.module != "":
		return fault + fmt.Sprintf(": did you mean %q of the module %q?", near.Name, near.module)
	case from == abi.AssemblyScriptModule:
		return fault + ": this module is for AssemblyScript; in other languages a function that is declared and not defined becomes such an import"
	}
	return fault
}

// exportsOf returns what a module exports of one kind, by name.
func exportsOf(m *module.Module, kind module.Kind) map[string]uint32 {
	exports := make(map[string]uint32)
	for _, e := range m.Exports {
		if e.Kind == kind {
			exports[m.Text(e.Name)] = e.Index
		}
	}
	return exports
}

func exportFaults(m *module.Module) []string {
	var faults []string
	if _, ok := exportsOf(m, module.KindMemory)[abi.MemoryExport]; !ok {
		faults = append(faults, fmt.Sprintf("export %q is missing: expected the module's own memory", abi.MemoryExport))
	}
	exported := exportsOf(m, module.KindFunction)
	_, command := exported["_start"]
	if _, reactor := exported["_initialize"]; command && !reactor {
		faults = append(faults, "the module is a command, which runs once (it exports _start): a plugin is a reactor, which exports _initialize (in Go: -buildmode=c-shared)")
	}
	known := make(map[string]bool)
	var names []string
	for _, want := range abi.Exports() {
		known[want.Name] = true
		names = append(names, want.Name)
		index, ok := exported[want.Name]
		if !ok {
			if want.Required {
				faults = append(faults, fmt.Sprintf("export %q is missing: expected a function %s", want.Name, want.Signature()))
			}
			continue
		}
		if is := signature(m, m.TypeOf(index)); is != want.Signature() {
			faults = append(faults, fmt.Sprintf("export %q has the type %s: expected %s", want.Name, is, want.Signature()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		if known[name] || !abi.IsReservedExport(name) || len(faults) > maxFaults {
			continue
		}
		fault := fmt.Sprintf("export %s is not part of the contract, and names like it are reserved", quote(name))
		if abi.IsLaterExport(name) {
			fault = fmt.Sprintf("export %s is kept for a later version of the contract, this host serves %d.%d", quote(name), abi.Major, abi.Minor)
		} else if near := abi.Nearest(name, names); near != "" {
			fault += fmt.Sprintf(": did you mean %q?", near)
		}
		faults = append(faults, fault)
	}
	return faults
}

func signature(m *module.Module, t *module.FuncType) string {
	return abi.FormatSignature(valueTypes(t.Params.Of(m.Binary)), valueTypes(t.Results.Of(m.Binary)))
}

func valueTypes(types []byte) []abi.ValueType {
	out := make([]abi.ValueType, len(types))
	for i, t := range types {
		out[i] = abi.ValueType(t)
	}
	return out
}

// shapeFaults finds what WebAssembly has and plugins have not: imports and
// reserved exports that are no functions, several tables, a start function.
func shapeFaults(m *module.Module) []string {
	var faults []string
	for _, i := range m.Imports {
		if i.Kind != module.KindFunction && len(faults) <= maxFaults {
			faults = append(faults, fmt.Sprintf("import %s %s is a %s: only functions can be imported", quote(m.Text(i.Module)), quote(m.Text(i.Name)), i.Kind))
		}
	}
	if n := len(m.Tables); n > 1 {
		faults = append(faults, fmt.Sprintf("the module has %d tables: one is allowed", n))
	}
	for _, e := range m.Exports {
		if name := m.Text(e.Name); e.Kind != module.KindFunction && abi.IsReservedExport(name) && len(faults) <= 2*maxFaults {
			faults = append(faults, fmt.Sprintf("export %s is a %s: names like it are reserved for the contract's functions", quote(name), e.Kind))
		}
	}
	if m.HasStart {
		faults = append(faults, "the module has a start function, which would run before the host is ready: export it as _initialize instead (AssemblyScript: --exportStart _initialize)")
	}
	return faults
}

// reader reads a binary that has been validated already; beyond its end it
// reads zeros and empty strings, so that a wrong assumption ends, and nothing
// is allocated.
type reader struct{ data []byte }

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) take(n uint32) []byte {
	n = min(n, uint32(len(r.data)))
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// uint reads an unsigned LEB128 number of at most 32 bits.
func (r *reader) uint() uint32 {
	v, n := binary.Uvarint(r.data)
	r.take(uint32(max(n, 0)))
	return uint32(v)
}

// importType reads what is imported, and returns its kind.
func (r *reader) importType() api.ExternType {
	kind := r.byte()
	switch kind {
	case api.ExternTypeFunc:
		r.uint()
	case api.ExternTypeTable:
		r.byte()
		r.limits()
	case api.ExternTypeMemory:
		r.limits()
	case api.ExternTypeGlobal:
		r.take(2)
	}
	return kind
}

func (r *reader) limits() {
	if r.byte()&1 != 0 {
		r.uint()
	}
	r.uint()
}
