package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// peer is one host: what it does with a module, once.
type peer struct {
	name string
	// load makes the module ready, and returns what calls it. The host is told that a call
	// may take as long as limit, if there is a way to tell it.
	load loader
}

type loader func(ctx context.Context, bin []byte, limit time.Duration) (call func(context.Context) error, err error)

// hosts lists them; compiler is chhost's.
func hosts(compiler *wasm.Compiler) []peer {
	return []peer{
		{"wazero", bare(false)},
		{"wazero, CloseOnContextDone", bare(true)},
		{"Extism", viaExtism},
		{"chhost", viaChhost(compiler)},
	}
}

func hostNamed(list []peer, name string) peer {
	for _, h := range list {
		if h.name == name {
			return h
		}
	}
	panic("there is no host " + name)
}

// run uploads the module and calls it, each within the deadline.
func (p peer) run(bin []byte) (upload, called, limit string) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	call, err := p.load(ctx, bin, deadline)
	if err != nil {
		return text(err), "", ""
	}
	ctx, cancel = context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := call(ctx); err != nil {
		var beyond *wasm.LimitError
		if errors.As(err, &beyond) {
			limit = string(beyond.Limit)
		}
		return "", text(err), limit
	}
	return "", "", ""
}

func text(err error) string { return fmt.Sprintf("%.200s", err.Error()) }

// bare is what the engine's documentation shows, with a memory limit.
func bare(closes bool) loader {
	return func(ctx context.Context, bin []byte, _ time.Duration) (func(context.Context) error, error) {
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(pages).WithCloseOnContextDone(closes))
		if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
			return nil, err
		}
		// What gets in first is the one that something is taken from.
		if _, err := r.Instantiate(ctx, caseFile("victim")); err != nil {
			return nil, err
		}
		compiled, err := r.CompileModule(ctx, bin)
		if err != nil {
			return nil, err
		}
		// Names and start functions are left as they are, as in the documentation.
		m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStdout(io.Discard).WithSysNanosleep())
		if err != nil {
			return nil, err
		}
		f := m.ExportedFunction("run")
		return func(ctx context.Context) error {
			_, err := f.Call(ctx)
			return err
		}, nil
	}
}

// viaExtism is what its README shows, with a time-out and a memory limit.
func viaExtism(ctx context.Context, bin []byte, limit time.Duration) (func(context.Context) error, error) {
	manifest := extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmData{Data: caseFile("victim"), Name: "victim"}, extism.WasmData{Data: bin, Name: "main"}},
		Memory:  &extism.ManifestMemory{MaxPages: pages},
		Timeout: uint64(limit / time.Millisecond),
	}
	p, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, _, err := p.CallWithContext(ctx, "run", nil)
		return err
	}, nil
}

// viaChhost calls handle_in, which calls run. It has limits of its own for compiling and for
// a callback, fuel first of all, and is told no deadline.
func viaChhost(compiler *wasm.Compiler) loader {
	return func(ctx context.Context, bin []byte, _ time.Duration) (func(context.Context) error, error) {
		ctx = context.WithoutCancel(ctx)
		e, err := wasm.NewEngine(wasm.Config{Compiler: compiler})
		if err != nil {
			return nil, err
		}
		p, err := e.Compile(ctx, wasm.Module{Name: "main", Binary: bin})
		if err != nil {
			return nil, err
		}
		payload, err := phx.Object([]byte("{}"))
		if err != nil {
			return nil, err
		}
		ev := &channel.Event{Topic: "t", Event: "e", Payload: payload, SocketAssigns: []byte("{}"), Now: time.Now()}
		return func(ctx context.Context) error {
			_, err := p.HandleIn(context.WithoutCancel(ctx), ev)
			return err
		}, nil
	}
}
