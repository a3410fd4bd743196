package wasm

import (
	"github.com/tetratelabs/wazero"

	"github.com/chhost/chhost/abi"
)

// door is the number by which [meter.CallExport] knows a function that the contract
// lets a guest export. A callback's is its phase.
type door uint32

const (
	doorInitialize door = door(abi.PhaseSetup) // which has no function of its own
	doorVersion    door = iota + door(abi.PhaseIdle)
	doorCallbacks
	doorBuffer
	doorCount
)

// doorNames lists the names by number.
func doorNames() []string {
	names := make([]string, doorCount)
	for _, f := range abi.Exports() {
		if f.Phase != abi.PhaseSetup {
			names[f.Phase] = f.Name
		}
	}
	names[doorInitialize], names[doorVersion], names[doorCallbacks], names[doorBuffer] = "_initialize", "ch_abi_version", "ch_callbacks", "ch_buffer"
	return names
}

// doors is the set of those that a module has.
type doors uint32

func doorsOf(m wazero.CompiledModule) (set doors) {
	exported := m.ExportedFunctions()
	for i, name := range doorNames() {
		if exported[name] != nil {
			set |= 1 << i
		}
	}
	return set
}

func (s doors) has(d door) bool { return s>>d&1 != 0 }
