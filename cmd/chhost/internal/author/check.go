package author

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/wasm"
)

// Report is what is known of a module. Sizes are in bytes.
type Report struct {
	Plugin string `json:"plugin"`
	Path   string `json:"path"`
	// OK tells that a host serves the module. Else Faults lists everything that is
	// wrong with it, and Advice says what to do, if it is known.
	OK     bool     `json:"ok"`
	Faults []string `json:"faults,omitempty"`
	Advice string   `json:"advice,omitempty"`

	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
	// Code, Data and Custom are parts of Size.
	Code   int `json:"code_size"`
	Data   int `json:"data_size"`
	Custom int `json:"custom_size"`
	// Imports are the functions that the module imports, by module.
	Imports map[string][]string `json:"imports"`
	Memory  Memory              `json:"memory"`

	// Running is what only a running instance tells; nil if not OK.
	Running *Running `json:"running,omitempty"`

	refused *RefusedError
}

// Err is a [*RefusedError] if the module is at fault, else nil.
func (r *Report) Err() error {
	if r.refused == nil {
		return nil
	}
	return r.refused
}

// Memory is an instance's linear memory, in bytes.
type Memory struct {
	// Min is what it begins with, Max the module's own bound, 0 without one.
	Min uint64 `json:"min"`
	Max uint64 `json:"max,omitempty"`
	// Limit is the host's bound, unless its operator decides otherwise.
	Limit int `json:"limit"`
	// Started is the size after the start.
	Started int `json:"started,omitempty"`
}

// Running is what an instance says of itself.
type Running struct {
	// Contract is the version of the contract that the module was built for.
	Contract string `json:"contract"`
	// Callbacks are those that the host calls.
	Callbacks []string `json:"callbacks"`
	// InterceptsAll tells that every broadcast goes through handle_out; else
	// Intercepts lists the events that do.
	InterceptsAll bool     `json:"intercepts_all"`
	Intercepts    []string `json:"intercepts"`
	AcceptsBinary bool     `json:"accepts_binary"`
	// CompileMS is how many milliseconds it took to compile the module and to
	// start an instance, without any cache.
	CompileMS int64 `json:"compile_ms"`
}

// slowToCompile is the size of a module, in bytes, whose compilation is announced:
// it takes a second or more.
const slowToCompile = 1 << 20

// Check holds a module against the contract, with the settings that it needs to
// start. It is compiled anew, whatever has been compiled before, so that the
// time is told. What takes longer is announced to log, and what the module logs is
// written there. The error is not that of
// a module at fault, for which see [Report.Err].
func Check(ctx context.Context, compiler *wasm.Compiler, m *Module, settings map[string]string, limits wasm.Limits, log io.Writer) (*Report, error) {
	r := m.describe()
	engine, err := wasm.NewEngine(wasm.Config{Compiler: compiler, Logger: newLog(log)})
	if err != nil {
		return nil, err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	if len(m.Binary) > slowToCompile {
		fmt.Fprintf(log, "compiling %s\n", m.Name)
	}
	began := time.Now()
	plugin, err := engine.Compile(ctx, wasm.Module{Name: m.Name, Binary: m.Binary, Settings: settings, Limits: limits})
	took := time.Since(began)
	var refused *RefusedError
	if err := m.refused(err); errors.As(err, &refused) {
		r.refused = refused
		r.Faults, r.Advice = refused.Faults, refused.Advice
		return r, nil
	} else if err != nil {
		return nil, err
	}
	if err := r.observe(ctx, plugin); err != nil {
		return nil, err
	}
	r.OK = true
	r.Running.CompileMS = took.Milliseconds()
	return r, nil
}

// describe tells what the binary says.
func (m *Module) describe() *Report {
	info := wasm.InspectModule(m.Binary)
	digest := sha256.Sum256(m.Binary)
	r := &Report{
		Plugin: m.Name, Path: m.Path,
		SHA256: hex.EncodeToString(digest[:]),
		Size:   len(m.Binary), Code: info.Code, Data: info.Data, Custom: info.Custom,
		Imports: make(map[string][]string),
		Memory:  Memory{Min: info.MemoryMin, Max: info.MemoryMax, Limit: wasm.DefaultLimits().Memory},
	}
	for _, i := range info.Imports {
		r.Imports[i.Module] = append(r.Imports[i.Module], i.Name)
	}
	for _, names := range r.Imports {
		slices.Sort(names)
	}
	return r
}

// observe tells what a running instance says.
func (r *Report) observe(ctx context.Context, plugin *wasm.Plugin) error {
	info, err := plugin.InspectInstance(ctx)
	if err != nil {
		return err
	}
	traits := plugin.Traits()
	r.Memory.Started = info.Memory
	r.Running = &Running{
		Contract:      fmt.Sprintf("%d.%d", info.Major, info.Minor),
		Callbacks:     callbackNames(info.Callbacks),
		InterceptsAll: info.Callbacks&abi.CallbackHandleOut != 0 && traits.Intercepts == nil,
		Intercepts:    append([]string{}, slices.Sorted(maps.Keys(traits.Intercepts))...),
		AcceptsBinary: traits.AcceptBinary,
	}
	return nil
}

func callbackNames(set abi.Callback) []string {
	names := []string{}
	for _, c := range abi.Callbacks() {
		if set&c != 0 {
			names = append(names, c.Export())
		}
	}
	return names
}
