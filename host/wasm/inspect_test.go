package wasm

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

func TestInspectModule(t *testing.T) {
	const header = "\x00asm\x01\x00\x00\x00"
	for name, c := range map[string]struct {
		bin  string
		want ModuleInfo
	}{
		"nothing":       {"", ModuleInfo{}},
		"no module":     {"#!/bin/sh\nexit 1\n", ModuleInfo{}},
		"a component":   {"\x00asm\x0d\x00\x01\x00\x00\x01a", ModuleInfo{}},
		"empty":         {header, ModuleInfo{}},
		"a memory":      {header + "\x05\x03\x01\x00\x02", ModuleInfo{MemoryMin: 2 << 16}},
		"a bound":       {header + "\x05\x05\x01\x01\x02\x80\x01", ModuleInfo{MemoryMin: 2 << 16, MemoryMax: 128 << 16}},
		"no memory":     {header + "\x05\x01\x00", ModuleInfo{}},
		"section sizes": {header + "\x00\x02\x01a\x0a\x01\x00\x0b\x03abc\x00\x03\x02bc", ModuleInfo{Custom: 5, Code: 1, Data: 3}},
		"exports":       {header + "\x07\x09\x02\x01m\x02\x00\x01j\x00\x05", ModuleInfo{Exports: []string{"m", "j"}}},
		"imports of every kind": {header + "\x02\x2a\x06" +
			"\x01a\x01f\x00\x00" + "\x01a\x01t\x01\x70\x01\x01\x02" + "\x01a\x01m\x02\x00\x01" + "\x01a\x01g\x03\x7f\x00" + "\x01a\x01f\x00\x01" + "\x01b\x01f\x00\x00",
			ModuleInfo{Imports: []ImportName{{"a", "f"}, {"a", "t"}, {"a", "m"}, {"a", "g"}, {"b", "f"}}}},
		"a section that is cut off": {header + "\x02\x7f\x7f\x01a", ModuleInfo{Imports: []ImportName{{"a", ""}}}},
	} {
		if got := InspectModule([]byte(c.bin)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
	info := InspectModule(guest(t, "served/puppet"))
	if info.MemoryMin != 4<<16 || info.MemoryMax != 0 || info.Code == 0 || !slices.Contains(info.Imports, ImportName{abi.Module, "reply"}) || !slices.Contains(info.Exports, "ch_buffer") ||
		!slices.Contains(info.Imports, ImportName{"env", "Date.now"}) || !slices.Contains(info.Imports, ImportName{abi.WASIModule, "random_get"}) {
		t.Errorf("the puppet: %+v", info)
	}
}

func TestInspectInstance(t *testing.T) {
	p := served(t, "puppet", Limits{Instances: 1})
	info, err := p.InspectInstance(t.Context())
	want := InstanceInfo{Major: 1, Minor: 0, Callbacks: abi.KnownCallbacks(), Memory: 4 << 16}
	if err != nil || info != want {
		t.Errorf("got %+v, %v; want %+v", info, err, want)
	}
	wantPool(t, p, 1)
	// What it learns is of now: a memory that has grown is larger.
	p.peek(t, step{opGrow, 3})
	if info, err = p.InspectInstance(t.Context()); err != nil || info.Memory != 7<<16 {
		t.Errorf("after growing by three pages: %+v, %v", info, err)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var refusal *channel.Refusal
	if _, err := p.InspectInstance(t.Context()); !errors.As(err, &refusal) {
		t.Errorf("of a closed plugin: %v", err)
	}
}

func TestDefaultLimits(t *testing.T) {
	p := served(t, "echo", Limits{})
	if got := DefaultLimits(); got != p.limits || got.Memory == 0 {
		t.Errorf("got %+v, a plugin without limits of its own has %+v", got, p.limits)
	}
}
