package abi_test

import (
	"encoding/json"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// unique fails the test when a key comes twice.
func unique[K comparable](t *testing.T, what string) func(key K) {
	t.Helper()
	seen := map[K]bool{}
	return func(key K) {
		t.Helper()
		if seen[key] {
			t.Errorf("two entries have the same %s: %v", what, key)
		}
		seen[key] = true
	}
}

func TestNamesAndNumbersAreUnique(t *testing.T) {
	export, callback := unique[string](t, "export name"), unique[abi.Callback](t, "callback bit")
	export(abi.MemoryExport)
	for _, f := range abi.Exports() {
		export(f.Name)
		if f.Callback != 0 {
			callback(f.Callback)
		}
	}
	name, id := unique[string](t, "import name"), unique[abi.Import](t, "import number")
	for _, f := range abi.Imports() {
		name(f.Name)
		id(f.ID)
		if f.ID == 0 || f.ID > 63 {
			t.Errorf("import %s has the number %d: an ImportSet holds 1 to 63", f.Name, f.ID)
		}
		if f.ID.String() != f.Name {
			t.Errorf("import %d is called %q, its row %q", f.ID, f.ID, f.Name)
		}
	}
	runtime := unique[string](t, "import of a runtime")
	for module, list := range map[string][]abi.Func{abi.WASIModule: abi.WASI(), abi.AssemblyScriptModule: abi.AssemblyScript()} {
		for _, f := range list {
			runtime(module + " " + f.Name)
		}
	}
	identifier := unique[string](t, "C identifier")
	for _, f := range abi.Imports() {
		identifier("ch_" + f.Name)
	}
	for _, f := range abi.Exports() {
		identifier(f.Name) // an author may well call the function like its export
	}
	for _, g := range abi.Groups() {
		constant, value := unique[string](t, g.Name), unique[int64](t, "number for a "+g.Name)
		for _, c := range g.Constants {
			constant(c.Name)
			identifier(g.CPrefix + c.Name)
			if g.Name != "limit" {
				value(c.Value)
			}
		}
	}
	key := unique[string](t, "setting")
	for _, k := range abi.ConfigKeys() {
		key(k.Name)
	}
	connect := unique[string](t, "key of connect")
	for _, k := range abi.ConnectKeys() {
		connect(k.Name)
	}
}

func TestEventStruct(t *testing.T) {
	fields := abi.Fields()
	name := unique[string](t, "field name")
	end := 0
	for i, f := range fields {
		name(f.Name)
		switch {
		case f.Offset > end:
			t.Errorf("there is a hole of %d bytes before %s", f.Offset-end, f.Name)
		case f.Offset < end:
			t.Errorf("%s at %d overlaps the field before it, which ends at %d", f.Name, f.Offset, end)
		}
		if f.Offset%f.Type.Size() != 0 {
			t.Errorf("%s at %d is not aligned to its size %d", f.Name, f.Offset, f.Type.Size())
		}
		if f.Type.Size() > abi.EventAlign {
			t.Errorf("%s needs a larger alignment than the struct's %d", f.Name, abi.EventAlign)
		}
		end = f.Offset + f.Type.Size()
		follows := i > 0 && fields[i-1].Type == abi.FieldAddress && f.Name == fields[i-1].Name+"_len"
		if (f.Type == abi.FieldLength) != follows {
			t.Errorf("%s: an address is followed by its length, and nothing else is one", f.Name)
		}
	}
	if fields[len(fields)-1].Type == abi.FieldAddress {
		t.Error("the last address has no length")
	}
	if end != abi.EventSize || abi.EventSize%abi.EventAlign != 0 {
		t.Errorf("the fields end at %d, EventSize is %d, aligned to %d", end, abi.EventSize, abi.EventAlign)
	}
}

func TestRowsFit(t *testing.T) {
	var imports, known abi.ImportSet
	for _, f := range abi.Imports() {
		known |= abi.Imported(f.ID)
	}
	var statuses abi.StatusSet
	name := unique[string](t, "phase name")
	for _, p := range abi.Phases() {
		name(p.String())
		r := abi.Row(p)
		if r.Phase != p {
			t.Errorf("the row of %s says it is that of %s", p, r.Phase)
		}
		if extra := r.Imports &^ known; extra != 0 {
			t.Errorf("%s may call imports that do not exist: %v", p, extra.List())
		}
		if !r.Imports.Has(abi.ImportLog) {
			t.Errorf("%s may not log", p)
		}
		status := unique[abi.Status](t, "status in "+p.String())
		for _, e := range r.Effects {
			status(e.Status)
			if e.Status.String() == "unknown" || !r.Statuses.Has(e.Status) {
				t.Errorf("%s explains the status %d, which it does not allow or which does not exist", p, e.Status)
			}
		}
		if len(r.Statuses.List()) != len(r.Effects) {
			t.Errorf("%s allows %v and explains %d of them", p, r.Statuses.List(), len(r.Effects))
		}
		imports |= r.Imports
		statuses |= r.Statuses
	}
	if imports != known {
		t.Errorf("nobody may call %v", (known &^ imports).List())
	}
	for _, g := range abi.Groups() {
		for _, c := range g.Constants {
			if g.Name == "status" && !statuses.Has(abi.Status(c.Value)) {
				t.Errorf("nobody may return %s", c.Name)
			}
		}
	}
}

// TestRowsOfExports holds rows and exports together: an export that returns a
// status has the row of its name, all others have the setup row.
func TestRowsOfExports(t *testing.T) {
	phases := map[abi.Phase]bool{}
	for _, f := range abi.Exports() {
		phases[f.Phase] = true
		r := abi.Row(f.Phase)
		if f.Phase == abi.PhaseSetup {
			if r.Statuses != 0 {
				t.Errorf("the setup row allows statuses: %v", r.Statuses.List())
			}
			continue
		}
		if f.Phase.String() != f.Name {
			t.Errorf("%s has the row of %s", f.Name, f.Phase)
		}
		idle := f.Phase == abi.PhaseIdle // has nothing to refuse, and no event
		if !r.Statuses.Has(abi.StatusOK) || r.Statuses.Has(abi.StatusError) == idle {
			t.Errorf("%s returns %v: OK, and ERROR unless it is ch_idle", f.Name, r.Statuses.List())
		}
		signature := "(i32) -> i32"
		if idle {
			signature = "() -> i32"
		}
		if f.Callback != 0 && (f.Signature() != signature || f.Callback.Export() != f.Name) {
			t.Errorf("the callback %s is %s, its bit means %q", f.Name, f.Signature(), f.Callback.Export())
		}
	}
	for _, p := range abi.Phases() {
		if !phases[p] {
			t.Errorf("no export has the row %s", p)
		}
	}
	if beyond := abi.Row(abi.Phase(255)); beyond.Imports != 0 || beyond.Statuses != 0 {
		t.Errorf("a phase that does not exist allows something: %+v", beyond)
	}
}

func TestWhatARowForbids(t *testing.T) {
	for _, c := range []struct {
		phase abi.Phase
		call  abi.Import
		want  bool
	}{
		{abi.PhaseSetup, abi.ImportConfigGet, false},
		{abi.PhaseSetup, abi.ImportPush, false},
		{abi.PhaseInit, abi.ImportIntercept, true},
		{abi.PhaseInit, abi.ImportAcceptBinary, true},
		{abi.PhaseInit, abi.ImportBroadcast, false},
		{abi.PhaseJoin, abi.ImportIntercept, false},
		{abi.PhaseJoin, abi.ImportReply, true},
		{abi.PhaseJoin, abi.ImportBroadcastFrom, true},
		{abi.PhaseLeave, abi.ImportAssign, false},
		{abi.PhaseLeave, abi.ImportReply, false},
		{abi.PhaseLeave, abi.ImportPush, true},
		{abi.PhaseHandleIn, abi.ImportAcceptBinary, false},
		{abi.PhaseHandleIn, abi.ImportAssign, true},
		{abi.PhaseHandleOut, abi.ImportBroadcast, false},
		{abi.PhaseHandleOut, abi.ImportBroadcastFrom, false},
		{abi.PhaseHandleOut, abi.ImportReply, false},
		{abi.PhaseHandleOut, abi.ImportPush, true},
		{abi.PhaseHandleOut, abi.ImportConfigGet, true},
		{abi.PhaseHandleOut, abi.ImportSendAfter, true},
		{abi.PhaseHandleOut, abi.ImportSubscribe, false},
		{abi.PhaseHandleOut, abi.ImportBroadcastTo, false},
		{abi.PhaseJoin, abi.ImportReplyTo, false},
		{abi.PhaseJoin, abi.ImportSubscribe, true},
		{abi.PhaseJoin, abi.ImportCancel, true},
		{abi.PhaseLeave, abi.ImportBroadcastTo, true},
		{abi.PhaseLeave, abi.ImportSendAfter, false},
		{abi.PhaseLeave, abi.ImportUnsubscribe, false},
		{abi.PhaseHandleIn, abi.ImportReplyTo, true},
		{abi.PhaseHandleInfo, abi.ImportReply, false},
		{abi.PhaseHandleInfo, abi.ImportReplyTo, true},
		{abi.PhaseHandleInfo, abi.ImportBroadcastTo, true},
		{abi.PhaseHandleInfo, abi.ImportUnsubscribe, true},
		{abi.PhaseUpgrade, abi.ImportAssign, true},
		{abi.PhaseUpgrade, abi.ImportPush, true},
		{abi.PhaseUpgrade, abi.ImportCancel, true},
		{abi.PhaseUpgrade, abi.ImportBroadcast, false},
		{abi.PhaseUpgrade, abi.ImportSubscribe, false},
		{abi.PhaseConnect, abi.ImportReply, true},
		{abi.PhaseConnect, abi.ImportAssign, true},
		{abi.PhaseConnect, abi.ImportPush, false},
		{abi.PhaseConnect, abi.ImportSendAfter, false},
		{abi.PhaseIdle, abi.ImportConfigGet, true},
		{abi.PhaseIdle, abi.ImportAssign, false},
		{abi.PhaseHandleIn, 0, false},
		{abi.PhaseHandleIn, 200, false},
	} {
		if got := abi.Row(c.phase).Imports.Has(c.call); got != c.want {
			t.Errorf("%s may call %s: %v, want %v", c.phase, c.call, got, c.want)
		}
	}
	for _, c := range []struct {
		phase  abi.Phase
		status abi.Status
		want   bool
	}{
		{abi.PhaseSetup, abi.StatusOK, false},
		{abi.PhaseInit, abi.StatusStop, false},
		{abi.PhaseJoin, abi.StatusIgnore, true},
		{abi.PhaseJoin, abi.StatusStop, true},
		{abi.PhaseLeave, abi.StatusStop, false},
		{abi.PhaseHandleIn, abi.StatusStop, true},
		{abi.PhaseHandleIn, abi.StatusIgnore, false},
		{abi.PhaseHandleIn, abi.StatusPass, false},
		{abi.PhaseHandleOut, abi.StatusPass, true},
		{abi.PhaseHandleInfo, abi.StatusStop, true},
		{abi.PhaseHandleInfo, abi.StatusPass, false},
		{abi.PhaseUpgrade, abi.StatusError, true},
		{abi.PhaseUpgrade, abi.StatusStop, false},
		{abi.PhaseConnect, abi.StatusError, true},
		{abi.PhaseConnect, abi.StatusIgnore, false},
		{abi.PhaseIdle, abi.StatusOK, true},
		{abi.PhaseIdle, abi.StatusError, false},
		{abi.PhaseHandleOut, 5, false},
		{abi.PhaseHandleOut, 32, false},
		{abi.PhaseHandleOut, 64, false},
		{abi.PhaseHandleOut, -1, false},
		{abi.PhaseHandleOut, math.MaxInt32, false},
		{abi.PhaseHandleOut, math.MinInt32, false},
	} {
		if got := abi.Row(c.phase).Statuses.Has(c.status); got != c.want {
			t.Errorf("%s may return %d: %v, want %v", c.phase, c.status, got, c.want)
		}
	}
}

func TestEveryEntryIsExplained(t *testing.T) {
	missing := func(name string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s lacks a text, or has one with space around it: %q", name, text)
			}
		}
	}
	for _, f := range slices.Concat(abi.Exports(), abi.Imports()) {
		missing(f.Name, f.Doc, f.Example)
		if strings.Contains(f.Doc, "\n") {
			t.Errorf("%s: its text is one paragraph", f.Name)
		}
	}
	for _, f := range slices.Concat(abi.WASI(), abi.AssemblyScript()) {
		missing(f.Name, f.Doc)
	}
	for _, k := range abi.ConnectKeys() {
		missing(k.Name, k.Type, k.Doc)
		if !json.Valid([]byte(k.Example)) {
			t.Errorf("the example of %s is no JSON: %s", k.Name, k.Example)
		}
	}
	for _, p := range abi.Phases() {
		for _, e := range abi.Row(p).Effects {
			missing(p.String()+" "+e.Status.String(), e.Doc, e.Example)
			if !strings.Contains(e.Example, e.Status.String()+" => ") {
				t.Errorf("%s %s: the example does not return that status: %q", p, e.Status, e.Example)
			}
		}
	}
	for _, f := range abi.Fields() {
		missing(f.Name, f.Example)
		if f.Type != abi.FieldLength {
			missing(f.Name, f.Doc)
		}
	}
	for _, g := range abi.Groups() {
		missing(g.Name, g.Doc, g.Example)
		for _, c := range g.Constants {
			missing(g.Name+" "+c.Name, c.Name, c.Doc)
		}
	}
	for _, k := range abi.ConfigKeys() {
		missing(k.Name, k.Doc, k.Example)
		if !abi.IsReservedConfig(k.Name) {
			t.Errorf("setting %s is not reserved", k.Name)
		}
	}
}

// TestAddressesHaveLengths checks the shape on which argument checks rely: an
// address is followed by its length.
func TestAddressesHaveLengths(t *testing.T) {
	for _, f := range abi.Imports() {
		for i, p := range f.Params {
			address := p.Role == abi.RoleText || p.Role == abi.RoleBytes || p.Role == abi.RoleRoom
			if address && (i+1 == len(f.Params) || f.Params[i+1].Role != abi.RoleLength) {
				t.Errorf("%s: %s is an address without a length", f.Name, p.Name)
			}
			if p.Type != abi.I32 {
				t.Errorf("%s: %s is an %s, all parameters are i32", f.Name, p.Name, p.Type)
			}
		}
	}
}

func TestCallbackBits(t *testing.T) {
	name := unique[string](t, "callback name")
	var all abi.Callback
	for _, c := range abi.Callbacks() {
		name(c.String())
		if bits.OnesCount32(uint32(c)) != 1 || all&c != 0 {
			t.Errorf("%s is %d: not a bit of its own", c, c)
		}
		all |= c
		if !abi.IsReservedExport(c.Export()) {
			t.Errorf("the export of %s, %q, is not reserved", c, c.Export())
		}
	}
	if got := abi.KnownCallbacks(); got != all || got != 255 {
		t.Errorf("known are %d, the bits together are %d, want 255", got, all)
	}
	var exported abi.Callback
	for _, f := range abi.Exports() {
		exported |= f.Callback
	}
	if exported != all {
		t.Errorf("the bits are %d, exports have %d", all, exported)
	}
	if got := abi.RequiredCallbacks(); got != abi.CallbackJoin {
		t.Errorf("required are %d, want join only", got)
	}
	if (abi.CallbackJoin | abi.CallbackLeave).Export() != "" {
		t.Error("two bits have one export")
	}
}

// TestCallersOwnWhatTheyGet guards against a table that a caller can change for
// everybody.
func TestCallersOwnWhatTheyGet(t *testing.T) {
	abi.Exports()[0].Name = "spoilt"
	abi.Imports()[0].Params[0].Name = "spoilt"
	abi.Row(abi.PhaseJoin).Effects[0].Doc = "spoilt"
	abi.Fields()[0].Name = "spoilt"
	abi.Groups()[0].Constants[0].Name = "spoilt"
	abi.Callbacks()[0] = 0
	abi.ReservedEvents()[0] = "spoilt"
	abi.LaterImports()[0] = "spoilt"
	abi.LaterExports()[0] = "spoilt"
	abi.ConnectKeys()[0].Name = "spoilt"
	abi.AssemblyScript()[0].Params[0].Name = "spoilt"
	abi.ReservedExportPrefixes()[0] = "spoilt"
	if abi.Exports()[0].Name == "spoilt" || abi.Imports()[0].Params[0].Name == "spoilt" ||
		abi.Row(abi.PhaseJoin).Effects[0].Doc == "spoilt" || abi.Fields()[0].Name == "spoilt" ||
		abi.Groups()[0].Constants[0].Name == "spoilt" || abi.Callbacks()[0] == 0 ||
		abi.LaterImports()[0] == "spoilt" || abi.LaterExports()[0] == "spoilt" || abi.ConnectKeys()[0].Name == "spoilt" ||
		abi.AssemblyScript()[0].Params[0].Name == "spoilt" || abi.ReservedEvents()[0] == "spoilt" || abi.ReservedExportPrefixes()[0] == "spoilt" {
		t.Error("a caller changed the table")
	}
}

func TestSignatures(t *testing.T) {
	for _, c := range []struct {
		params, results []abi.ValueType
		want            string
	}{
		{nil, nil, "() -> ()"},
		{[]abi.ValueType{abi.I32}, []abi.ValueType{abi.I32}, "(i32) -> i32"},
		{[]abi.ValueType{abi.I32, abi.I64}, nil, "(i32, i64) -> ()"},
		{nil, []abi.ValueType{abi.I32, abi.I64}, "() -> (i32, i64)"},
		{[]abi.ValueType{0x7d, 0x7c, 0x7b}, []abi.ValueType{0x7d}, "(f32, f64, v128) -> f32"},
		{[]abi.ValueType{0x70}, []abi.ValueType{0x6f}, "(funcref) -> externref"},
		{[]abi.ValueType{0x40}, nil, "(unknown) -> ()"},
	} {
		if got := abi.FormatSignature(c.params, c.results); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
