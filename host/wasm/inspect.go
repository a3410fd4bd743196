package wasm

import (
	"context"

	"github.com/chhost/chhost/abi"
)

// ModuleInfo is what the binary of a module says of it. Sizes are in bytes.
type ModuleInfo struct {
	// Code is the size of the functions, Data that of the memory's first
	// contents, Custom that of everything that the engine does not need: names,
	// debug information.
	Code, Data, Custom int
	// MemoryMin is the size of a memory at its start, MemoryMax the one that it
	// may grow to; 0 if the module sets no bound of its own.
	MemoryMin, MemoryMax uint64
	// Imports lists what the module imports, Exports what it exports, in its
	// order.
	Imports []ImportName
	Exports []string
}

// ImportName names an import.
type ImportName struct{ Module, Name string }

// InspectModule reads what a binary says of itself. It neither checks nor
// compiles: what it finds is true of a module that [Engine.Compile] takes, and
// the best that can be told of another one. Of what is no module it is empty.
func InspectModule(bin []byte) ModuleInfo {
	const ( // sections, WebAssembly core specification 2.0, section 5.5.2
		sectionCustom = 0
		sectionImport = 2
		sectionMemory = 5
		sectionExport = 7
		sectionCode   = 10
		sectionData   = 11
	)
	var info ModuleInfo
	if CheckBinary(Module{Binary: bin}) != nil {
		return info
	}
	for r := (reader{bin[8:]}); len(r.data) > 0; {
		id := r.byte()
		body := reader{r.take(r.uint())}
		switch id {
		case sectionCustom:
			info.Custom += len(body.data)
		case sectionImport:
			info.Imports = append(info.Imports, importNames(body)...)
		case sectionMemory:
			if body.uint() > 0 { // the number of memories; there can be one
				info.MemoryMin, info.MemoryMax = memoryBounds(body)
			}
		case sectionExport:
			info.Exports = append(info.Exports, exportNames(body)...)
		case sectionCode:
			info.Code += len(body.data)
		case sectionData:
			info.Data += len(body.data)
		}
	}
	return info
}

// memoryBounds reads a memory type (section 5.3.8).
func memoryBounds(r reader) (least, most uint64) {
	bounded := r.byte()&1 != 0
	least = uint64(r.uint()) * wasmPage
	if bounded {
		most = uint64(r.uint()) * wasmPage
	}
	return least, most
}

// importNames reads an import section (section 5.5.5). A name that is repeated
// is listed once.
func importNames(r reader) []ImportName {
	var names []ImportName
	known := make(map[ImportName]bool)
	for n := r.uint(); n > 0 && len(r.data) > 0; n-- {
		name := ImportName{Module: string(r.take(r.uint())), Name: string(r.take(r.uint()))}
		r.importType()
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	return names
}

// exportNames reads an export section (section 5.5.10).
func exportNames(r reader) []string {
	var names []string
	for n := r.uint(); n > 0 && len(r.data) > 0; n-- {
		names = append(names, string(r.take(r.uint())))
		r.byte() // its kind
		r.uint() // its index
	}
	return names
}

// InstanceInfo is what an instance of a plugin says of itself.
type InstanceInfo struct {
	// Major and Minor are the version of the contract that the guest was built
	// for.
	Major, Minor int
	// Callbacks are those that the host calls.
	Callbacks abi.Callback
	// Memory is the size in bytes of the instance's memory now.
	Memory int
}

// InspectInstance asks an idle instance, or a new one, what it is. The error is
// that of a call, see [Plugin.Join].
func (p *Plugin) InspectInstance(ctx context.Context) (InstanceInfo, error) {
	inst, err := p.take(ctx, abi.PhaseSetup, false)
	if err != nil {
		return InstanceInfo{}, err
	}
	defer p.put(inst)
	version, err := inst.setup(ctx, doorVersion)
	if err != nil {
		return InstanceInfo{}, err
	}
	return InstanceInfo{
		Major:     int(version >> 16),
		Minor:     int(version & 0xffff),
		Callbacks: inst.declared.callbacks,
		Memory:    int(inst.memory.Size()),
	}, nil
}

// DefaultLimits are the limits of a plugin for which nothing else was decided.
func DefaultLimits() Limits { return Limits{}.withDefaults() }
