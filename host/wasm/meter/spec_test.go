package meter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// The official test modules of WebAssembly come with the engine. Each script runs
// in several worlds at once: plain and metered, compiled and interpreted. What
// can be seen must be the same in all of them, and fuel in those that are metered;
// one more counts instructions one by one, and must come to the same.

// script is one of the files that the specification's tests consist of.
type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	ModuleType string `json:"module_type"`
	Action     struct {
		Type   string  `json:"type"`
		Field  string  `json:"field"`
		Module string  `json:"module"`
		Args   []value `json:"args"`
	} `json:"action"`
}

type value struct {
	Type  string `json:"type"`
	Lane  string `json:"lane_type"`
	Value any    `json:"value"`
}

// encode appends a value as the engine takes it.
func (v value) encode(t *testing.T, to []uint64) []uint64 {
	number := func(text string, bits int) uint64 {
		switch { // which NaN does not matter: all worlds get the same
		case strings.HasPrefix(text, "nan") && bits == 32:
			return uint64(math.Float32bits(float32(math.NaN())))
		case strings.HasPrefix(text, "nan"):
			return math.Float64bits(math.NaN())
		case strings.HasPrefix(text, "-"):
			n, err := strconv.ParseInt(text, 10, bits)
			if err != nil {
				t.Fatal(err)
			}
			return uint64(n) & (1<<bits - 1)
		}
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if lanes, ok := v.Value.([]any); ok {
		bits := map[string]int{"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}[v.Lane]
		var words [2]uint64
		for i, lane := range lanes {
			words[i*bits/64] |= number(lane.(string), bits) << (i * bits % 64)
		}
		return append(to, words[:]...)
	}
	text, _ := v.Value.(string)
	switch {
	case text == "null" || text == "":
		return append(to, 0)
	case v.Type == "externref":
		return append(to, number(text, 64)+1)
	case strings.HasSuffix(v.Type, "32"):
		return append(to, number(text, 32))
	}
	return append(to, number(text, 64))
}

// specDirs are where the scripts lie.
func specDirs(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("where is the engine's source? %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	return []string{filepath.Join(root, "v1", "testdata"), filepath.Join(root, "v2", "testdata")}
}

// relaxed are the options for modules that were made to be strange.
func relaxed() meter.Options {
	return meter.Options{
		Linked: true, Pages: 1 << 16, Elements: math.MaxUint32, Stack: 40_000,
		Module: module.Options{Tables: 100, Depth: 10_000, Blocks: 50_000, Targets: 100_000},
	}
}

// world is an engine with the modules of a script.
type world struct {
	t       *testing.T
	runtime wazero.Runtime
	rewrite func([]byte, meter.Options) ([]byte, error) // nil in a plain world
	named   map[string]api.Module
	last    api.Module
	granted int64 // fuel, in all
	used    map[api.Module]bool
}

const slice = 1 << 17

func newWorld(t *testing.T, config wazero.RuntimeConfig, rewrite func([]byte, meter.Options) ([]byte, error)) *world {
	w := &world{t: t, runtime: wazero.NewRuntimeWithConfig(t.Context(), config), rewrite: rewrite, named: map[string]api.Module{}}
	_, err := w.runtime.NewHostModuleBuilder(meter.RefillModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(w.refill), []api.ValueType{api.ValueTypeI32}, nil).
		Export(meter.RefillName).Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func fuelOf(m api.Module) api.MutableGlobal {
	return m.ExportedGlobal(meter.FuelExport).(api.MutableGlobal)
}

func (w *world) refill(_ context.Context, m api.Module, stack []uint64) {
	if api.DecodeU32(stack[0]) == meter.ReasonStack {
		panic("stack overflow")
	}
	if api.DecodeU32(stack[0]) == meter.ReasonMemory {
		return
	}
	fuel := fuelOf(m)
	if int64(fuel.Get()) >= 0 {
		panic("BUG: asked for fuel while there is some")
	}
	for int64(fuel.Get()) < 0 {
		fuel.Set(fuel.Get() + slice)
		w.granted += slice
	}
	if w.granted > 1<<33 {
		panic("out of fuel")
	}
}

// instantiate tries to add a module.
func (w *world) instantiate(bin []byte, name string) (api.Module, error) {
	if w.rewrite != nil {
		var err error
		if bin, err = w.rewrite(bin, relaxed()); err != nil {
			return nil, err
		}
	}
	return w.runtime.InstantiateWithConfig(w.t.Context(), bin, wazero.NewModuleConfig().WithName(name))
}

// outcome is what can be seen of a command.
type outcome struct {
	failed  bool
	trap    string
	results []uint64
	memory  []byte
	fuel    int64 // that was used
}

// invoke runs an action.
func (w *world) invoke(c *command) (o outcome) {
	m := w.last
	if c.Action.Module != "" {
		m = w.named[c.Action.Module]
	}
	before := w.left()
	if c.Action.Type == "get" {
		o.results = []uint64{m.ExportedGlobal(c.Action.Field).Get()}
	} else {
		var args []uint64
		for _, a := range c.Action.Args {
			args = a.encode(w.t, args)
		}
		f := m.ExportedFunction(c.Action.Field)
		results, err := f.Call(w.t.Context(), args...)
		o.results, o.failed = slices.Clone(results), err != nil
		for i, at := 0, 0; i < len(f.Definition().ResultTypes()) && err == nil; i++ {
			switch f.Definition().ResultTypes()[i] {
			case api.ValueTypeI32, api.ValueTypeF32: // what is above is left over
				o.results[at] &= math.MaxUint32
			case api.ValueTypeExternref, 0x70: // addresses differ
				o.results[at] = min(o.results[at], 1)
			case 0x7b:
				at++
			}
			at++
		}
		if err != nil {
			o.trap, _, _ = strings.Cut(err.Error(), "\n")
			o.trap = strings.TrimSuffix(o.trap, " (recovered by wazero)")
			o.trap = strings.TrimPrefix(o.trap, "wasm error: ")
		}
	}
	o.fuel = before - w.left()
	if memory := m.Memory(); !reflect.ValueOf(memory).IsNil() { // the engine wraps a nil
		o.memory, _ = memory.Read(0, memory.Size())
	}
	return o
}

// left is what fuel there is, negative for what was granted already; stacks are
// made good after traps.
func (w *world) left() (sum int64) {
	if w.rewrite == nil {
		return 0
	}
	for m := range w.used {
		sum += int64(fuelOf(m).Get())
		m.ExportedGlobal(meter.StackExport).(api.MutableGlobal).Set(uint64(relaxed().Stack))
	}
	return sum - w.granted
}

// add instantiates a module of the script.
func (w *world) add(bin []byte, c *command, registered string) error {
	m, err := w.instantiate(bin, registered)
	if err != nil {
		return err
	}
	if w.last = m; c.Name != "" {
		w.named[c.Name] = m
	}
	if w.used == nil {
		w.used = map[api.Module]bool{}
	}
	w.used[m] = true
	return nil
}

// tally is what of the specification's tests was run, and what was left out.
type tally map[string]int

// declared reads testdata/specification.txt.
func declared(t *testing.T) tally {
	text, err := os.ReadFile("testdata/specification.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := tally{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(line, ": ")
		number, reason, _ := strings.Cut(rest, " ")
		if want[key], err = strconv.Atoi(number); err != nil || strings.Contains(key, "left out") && reason == "" {
			t.Fatalf("specification.txt: %q: want a number, and a reason if it is left out", line)
		}
	}
	return want
}

// count counts a command.
func (n tally) count(version string, c *command) {
	kind := map[string]string{
		"module": "modules", "register": "modules linked by name", "action": "actions", "assert_return": "results", "assert_trap": "traps",
		"assert_exhaustion": "recursions that end", "assert_malformed": "malformed modules", "assert_invalid": "invalid modules",
		"assert_unlinkable": "modules that do not link", "assert_uninstantiable": "modules that do not start",
	}[c.Type]
	if c.ModuleType == "text" {
		kind = "left out, " + kind + " in the text format"
	}
	n[version+" "+kind]++
}

func TestSpecification(t *testing.T) {
	ran, want := tally{}, declared(t)
	dirs := specDirs(t)
	if raced {
		dirs = dirs[1:] // which repeats most of the first
	}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) < 60 {
			t.Fatalf("%d scripts in %s, %v", len(files), dir, err)
		}
		features := api.CoreFeatures(api.CoreFeaturesV2)
		if filepath.Base(filepath.Dir(dir)) == "v1" {
			features = api.CoreFeaturesV1
		}
		for i, file := range files {
			if raced && i%4 != 0 {
				continue
			}
			name := filepath.Base(filepath.Dir(dir)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) { runScript(t, file, features, ran) })
		}
	}
	if raced {
		return
	}
	for key := range want {
		if _, ok := ran[key]; !ok {
			ran[key] = 0
		}
	}
	for key, n := range ran {
		if n != want[key] {
			t.Errorf("%s: %d, and specification.txt says %d: what is left out may only become less, what is run only more", key, n, want[key])
		}
	}
}

// runScript runs a script and counts its commands.
func runScript(t *testing.T, file string, features api.CoreFeatures, ran tally) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	compiler := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features)
	interpreter := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features)
	worlds := []*world{
		newWorld(t, compiler, nil), newWorld(t, compiler, meter.Rewrite),
		newWorld(t, interpreter, nil), newWorld(t, interpreter, meter.Rewrite),
		newWorld(t, compiler, nil), newWorld(t, compiler, meter.Naive), // last
	}
	host, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(file))), "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range worlds {
		defer w.runtime.Close(context.Background())
		if err := w.add(host, &command{}, "spectest"); err != nil {
			t.Fatal(err)
		}
	}
	version := filepath.Base(filepath.Dir(filepath.Dir(file)))
	for i := range s.Commands {
		c := &s.Commands[i]
		ran.count(version, c)
		registered := ""
		if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
			registered = s.Commands[i+1].As
		}
		runCommand(t, worlds, c, filepath.Dir(file), registered)
	}
}

func runCommand(t *testing.T, worlds []*world, c *command, dir, registered string) {
	switch c.Type {
	case "register": // with its module
	case "module":
		bin := readModule(t, dir, c)
		for i, w := range worlds {
			if err := w.add(bin, c, registered); err != nil {
				t.Fatalf("line %d: %s is refused in world %d: %v", c.Line, c.Filename, i, err)
			}
		}
	case "action", "assert_return", "assert_trap", "assert_exhaustion":
		compare(t, worlds, c)
	case "assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable":
		if c.ModuleType == "text" {
			return
		}
		bin := readModule(t, dir, c)
		if c.Type == "assert_malformed" || c.Type == "assert_invalid" {
			worlds = worlds[:2] // what is valid does not depend on the engine; others leave traces in tables
		}
		for ; len(worlds) > 0; worlds = worlds[2:] {
			_, plain := worlds[0].instantiate(bin, "")
			_, metered := worlds[1].instantiate(bin, "")
			if (plain == nil) != (metered == nil) {
				t.Errorf("line %d: %s: metered: %v; plain: %v", c.Line, c.Filename, metered, plain)
			}
		}
	default:
		t.Fatalf("line %d: what is %s?", c.Line, c.Type)
	}
}

func readModule(t *testing.T, dir string, c *command) []byte {
	bin, err := os.ReadFile(filepath.Join(dir, c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// compare runs an action in every world. Two engines may give different NaNs, so
// the worlds of one engine are compared with each other.
func compare(t *testing.T, worlds []*world, c *command) {
	fuel := int64(-1)
	for i := 0; i < len(worlds); i += 2 {
		want, got := worlds[i].invoke(c), worlds[i+1].invoke(c)
		if c.Type == "assert_exhaustion" {
			if !got.failed {
				t.Errorf("line %d: the recursion ends", c.Line)
			}
			continue
		}
		if got.failed != want.failed || got.trap != want.trap || !slices.Equal(got.results, want.results) {
			t.Errorf("line %d, engine %d: %s(%v)\nis   %v %s\nwant %v %s", c.Line, i/2, c.Action.Field, c.Action.Args, got.results, got.trap, want.results, want.trap)
		}
		if !bytes.Equal(got.memory, want.memory) {
			t.Errorf("line %d, engine %d: after %s the memory is another", c.Line, i/2, c.Action.Field)
		}
		switch naive := worlds[i+1] == worlds[len(worlds)-1]; {
		case got.fuel < 0:
			t.Errorf("line %d, engine %d: %s used %d fuel", c.Line, i/2, c.Action.Field, got.fuel)
		case fuel >= 0 && got.fuel != fuel && !naive:
			t.Errorf("line %d: %s used %d fuel compiled and %d interpreted", c.Line, c.Action.Field, fuel, got.fuel)
		case naive && (got.fuel > fuel || got.fuel != fuel && !got.failed): // a trap cuts a stretch short
			t.Errorf("line %d: %s used %d fuel, counted one by one %d", c.Line, c.Action.Field, fuel, got.fuel)
		}
		fuel = got.fuel
	}
}
