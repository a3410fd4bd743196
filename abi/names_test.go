package abi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

func names(funcs []abi.Func) []string {
	list := make([]string, len(funcs))
	for i, f := range funcs {
		list[i] = f.Name
	}
	return list
}

func TestNearest(t *testing.T) {
	imports, exports := names(abi.Imports()), names(abi.Exports())
	for _, c := range []struct {
		name  string
		among []string
		want  string
	}{
		{"brodcast", imports, "broadcast"},
		{"broadcast", imports, "broadcast"},
		{"braodcast", imports, "broadcast"},
		{"broadcast_form", imports, "broadcast_from"},
		{"broadcastFrom", imports, "broadcast_from"},
		{"BROADCAST-FROM", imports, "broadcast_from"},
		{"ch_reply", imports, "reply"},
		{"replay", imports, "reply"},
		{"psuh", imports, "push"},
		{"lag", imports, "log"},
		{"getConfig", imports, ""},
		{"config_gets", imports, "config_get"},
		{"fetch", imports, ""},
		{"kv_put", imports, ""},
		{"handleIn", exports, "handle_in"},
		{"handle_inn", exports, "handle_in"},
		{"handel_out", exports, "handle_out"},
		{"handle_message", exports, ""},
		{"init", exports, "ch_init"},
		{"initialize", exports, "_initialize"},
		{"ch_initialise", exports, "_initialize"},
		{"jion", exports, "join"},
		{"joins", exports, "join"},
		{"leaves", exports, "leave"},
		{"ch_callback", exports, "ch_callbacks"},
		{"ch_", exports, ""},
		{"_", exports, ""},
		{"", exports, ""},
		{"join", nil, ""},
		{"\xff\xfe", imports, ""},
		{"ab", []string{"ac", "ab"}, "ab"},
		{"ab", []string{"ac"}, ""},
		{"abc", []string{"abd", "abc"}, "abc"},
		{"abc", []string{"abx", "aby"}, "abx"},
		{"abc", []string{"", "abc"}, "abc"},
		{strings.Repeat("broadcast", 1000), imports, ""},
	} {
		if got := abi.Nearest(c.name, c.among); got != c.want {
			shown := c.name[:min(len(c.name), 40)]
			t.Errorf("Nearest(%q) = %q, want %q", shown, got, c.want)
		}
	}
}

func TestReservedEvents(t *testing.T) {
	for name, want := range map[string]bool{
		"phx_close": true, "phx_error": true, "phx_reply": true, "phx_join": true, "phx_leave": true, "phx_": true, "phx_mine": true,
		"presence_state": true, "presence_diff": true,
		"phx": false, "Phx_close": false, "presence": false, "presence_states": false, "new:msg": false, "": false, "heartbeat": false,
	} {
		if got := abi.IsReservedEvent(name); got != want {
			t.Errorf("IsReservedEvent(%q) = %v", name, got)
		}
	}
	for _, name := range append(abi.ReservedEvents(), abi.ReservedEventPrefix+"x") {
		if !abi.IsReservedEvent(name) {
			t.Errorf("%q is listed as reserved, but is not", name)
		}
	}
}

func TestReservedExports(t *testing.T) {
	for name, want := range map[string]bool{
		"ch_idle": true, "ch_": true, "handle_info": true, "handle_out_batch": true, "join": true, "joined": true, "leaver": true,
		"connect": true, "connected": true, "upgrade": true, "__chhost_call": true, "__chhost_": true,
		"memory": false, "_initialize": false, "_start": false, "malloc": false, "handler": false, "chhost": false, "my_join": false, "": false, "__chhos": false,
	} {
		if got := abi.IsReservedExport(name); got != want {
			t.Errorf("IsReservedExport(%q) = %v", name, got)
		}
	}
	for _, name := range names(abi.Exports()) {
		if name != "_initialize" && !abi.IsReservedExport(name) {
			t.Errorf("%s is an export of the contract, but its name is not reserved", name)
		}
	}
	if !slices.Contains(abi.ReservedExportPrefixes(), abi.HostExportPrefix) {
		t.Error("the host's own prefix is not reserved")
	}
}

func TestLaterNames(t *testing.T) {
	for name, want := range map[string]bool{
		"track": true, "untrack": true, "presence_list": true, "fetch": true, "kv_get": true, "kv_": true,
		"kv": false, "tracks": false, "presence": false, "fetch_": false, "Fetch": false, "handle_out_batch": false, "": false,
	} {
		if got := abi.IsLaterImport(name); got != want {
			t.Errorf("IsLaterImport(%q) = %v", name, got)
		}
	}
	for _, name := range abi.LaterImports() {
		if !abi.IsLaterImport(strings.TrimSuffix(name, "*")) {
			t.Errorf("%s is listed as a later import, but is not", name)
		}
	}
	for _, name := range names(abi.Imports()) {
		if abi.IsLaterImport(name) {
			t.Errorf("%s is an import of this version and of a later one", name)
		}
	}
	for _, name := range abi.LaterExports() {
		if !abi.IsLaterExport(name) || !abi.IsReservedExport(name) || slices.Contains(names(abi.Exports()), name) {
			t.Errorf("%s: later %v, reserved %v, or an export of this version", name, abi.IsLaterExport(name), abi.IsReservedExport(name))
		}
	}
	for _, name := range append(names(abi.Exports()), "", "handle_out_batches") {
		if abi.IsLaterExport(name) {
			t.Errorf("IsLaterExport(%q)", name)
		}
	}
}

func TestReservedSettings(t *testing.T) {
	for key, want := range map[string]bool{"chhost.plugin": true, "chhost.": true, "chhost": false, "greeting": false, "": false} {
		if got := abi.IsReservedConfig(key); got != want {
			t.Errorf("IsReservedConfig(%q) = %v", key, got)
		}
	}
}
