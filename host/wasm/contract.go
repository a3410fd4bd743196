package wasm

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
)

// checkBinary looks at the module's size and first eight bytes (WebAssembly core
// specification 2.0, section 5.5.16).
func checkBinary(m Module) error {
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

// contractFaults compares a valid module with the contract and lists every
// difference.
func contractFaults(m wazero.CompiledModule, bin []byte) []string {
	faults := importFaults(m)
	faults = append(faults, exportFaults(m)...)
	faults = append(faults, sectionFaults(bin)...)
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

func importFaults(m wazero.CompiledModule) []string {
	var faults []string
	served := servedImports()
	for _, def := range m.ImportedFunctions() {
		if len(faults) > maxFaults {
			break
		}
		module, name, _ := def.Import()
		want, ok := served[name]
		switch {
		case !ok || want.module != module:
			faults = append(faults, unknownImport(module, name, served))
		case signature(def) != want.Signature():
			faults = append(faults, fmt.Sprintf("import %s %s has the type %s: expected %s", quote(module), quote(name), signature(def), want.Signature()))
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
	for module, funcs := range map[string][]abi.Func{
		abi.Module: abi.Imports(), abi.WASIModule: abi.WASI(), abi.AssemblyScriptModule: abi.AssemblyScript(),
	} {
		for _, f := range funcs {
			served[f.Name] = servedImport{f, module}
		}
	}
	return served
}

func unknownImport(module, name string, served map[string]servedImport) string {
	fault := fmt.Sprintf("import %s %s is not served", quote(module), quote(name))
	_, known := served[name]
	near := served[abi.Nearest(name, slices.Sorted(maps.Keys(served)))]
	switch {
	case module != abi.Module && strings.HasPrefix(module, "chhost_v"):
		return fault + fmt.Sprintf(": the module was built for another major version of the contract, this host serves %q", abi.Module)
	case known:
		return fault + fmt.Sprintf(": %q belongs to the module %q", name, served[name].module)
	case module != abi.Module && module != abi.WASIModule && module != abi.AssemblyScriptModule:
		return fault + fmt.Sprintf(": functions are imported from %q, %q and %q", abi.Module, abi.WASIModule, abi.AssemblyScriptModule)
	case module == abi.Module && abi.IsLaterImport(name):
		return fault + fmt.Sprintf(": it is kept for a later version of the contract, this host serves %d.%d", abi.Major, abi.Minor)
	case near.module == module:
		return fault + fmt.Sprintf(": did you mean %q?", near.Name)
	case near.module != "":
		return fault + fmt.Sprintf(": did you mean %q of the module %q?", near.Name, near.module)
	case module == abi.AssemblyScriptModule:
		return fault + ": this module is for AssemblyScript; in other languages a function that is declared and not defined becomes such an import"
	}
	return fault
}

func exportFaults(m wazero.CompiledModule) []string {
	var faults []string
	if _, ok := m.ExportedMemories()[abi.MemoryExport]; !ok {
		faults = append(faults, fmt.Sprintf("export %q is missing: expected the module's own memory", abi.MemoryExport))
	}
	exported := m.ExportedFunctions()
	if exported["_start"] != nil && exported["_initialize"] == nil {
		faults = append(faults, "the module is a command, which runs once (it exports _start): a plugin is a reactor, which exports _initialize (in Go: -buildmode=c-shared)")
	}
	known := make(map[string]bool)
	var names []string
	for _, want := range abi.Exports() {
		known[want.Name] = true
		names = append(names, want.Name)
		def, ok := exported[want.Name]
		switch {
		case !ok && want.Required:
			faults = append(faults, fmt.Sprintf("export %q is missing: expected a function %s", want.Name, want.Signature()))
		case ok && signature(def) != want.Signature():
			faults = append(faults, fmt.Sprintf("export %q has the type %s: expected %s", want.Name, signature(def), want.Signature()))
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

func signature(def api.FunctionDefinition) string {
	return abi.FormatSignature(valueTypes(def.ParamTypes()), valueTypes(def.ResultTypes()))
}

func valueTypes(types []api.ValueType) []abi.ValueType {
	out := make([]abi.ValueType, len(types))
	for i, t := range types {
		out[i] = abi.ValueType(t)
	}
	return out
}

// sectionFaults finds what the engine does not show of a module that it has
// found valid: a start function, imports and exports that are no functions, and
// how many tables there are.
func sectionFaults(bin []byte) []string {
	const (
		sectionImport = 2
		sectionTable  = 4
		sectionExport = 7
		sectionStart  = 8
	)
	var faults []string
	for r := (reader{bin[8:]}); len(r.data) > 0; {
		id := r.byte()
		body := reader{r.take(r.uint())}
		switch id {
		case sectionImport:
			faults = append(faults, foreignImports(body)...)
		case sectionTable:
			if n := body.uint(); n > 1 {
				faults = append(faults, fmt.Sprintf("the module has %d tables: one is allowed", n))
			}
		case sectionExport:
			faults = append(faults, foreignExports(body)...)
		case sectionStart:
			faults = append(faults, "the module has a start function, which would run before the host is ready: export it as _initialize instead (AssemblyScript: --exportStart _initialize)")
		}
	}
	return faults
}

// foreignImports lists imported tables, memories and globals (section 5.5.5 of
// the specification).
func foreignImports(r reader) []string {
	var faults []string
	for n := r.uint(); n > 0 && len(r.data) > 0 && len(faults) <= maxFaults; n-- {
		module, name := string(r.take(r.uint())), string(r.take(r.uint()))
		if kind := r.importType(); kind != api.ExternTypeFunc {
			faults = append(faults, fmt.Sprintf("import %s %s is a %s: only functions can be imported", quote(module), quote(name), api.ExternTypeName(kind)))
		}
	}
	return faults
}

// foreignExports lists exports that are no functions and have names that the
// contract keeps for functions (section 5.5.10).
func foreignExports(r reader) []string {
	var faults []string
	for n := r.uint(); n > 0 && len(r.data) > 0 && len(faults) <= maxFaults; n-- {
		name := string(r.take(r.uint()))
		kind := r.byte()
		r.uint()
		if kind != api.ExternTypeFunc && abi.IsReservedExport(name) {
			faults = append(faults, fmt.Sprintf("export %s is a %s: names like it are reserved for the contract's functions", quote(name), api.ExternTypeName(kind)))
		}
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
