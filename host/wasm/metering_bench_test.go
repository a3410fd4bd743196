package wasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/wasm"
	"github.com/chhost/chhost/host/wasm/meter"
)

// BenchmarkMetering is what metering costs the food channels in their own code:
// handle_in is entered without the host, with imports that do nothing, plain and
// metered in turns. The figures are the minima of many rounds.
func BenchmarkMetering(b *testing.B) {
	for language, module := range map[string]func() []byte{
		"c":  func() []byte { return hosttest.GuestC(b, "testdata/plugins/food-c") },
		"go": func() []byte { return hosttest.Guest(b, "plugins/food") },
	} {
		b.Run(language, func(b *testing.B) {
			bin := module()
			p := plugin(b, bin)
			metered, err := meter.Rewrite(bin, meter.Options{})
			if err != nil {
				b.Fatal(err)
			}
			guests := [2]*bare{newBare(b, bin), newBare(b, metered)}
			for _, size := range []int{64, 16 << 10} {
				for _, c := range []struct{ callback, event string }{{"handle_in", "new:msg"}, {"handle_out", "new:message"}} {
					b.Run(fmt.Sprintf("%s/%dB", c.callback, size), func(b *testing.B) {
						ev := channel.Event{Topic: "foods:all", Event: c.event, SocketAssigns: []byte("{}"), Now: time.UnixMilli(1_767_225_600_123), Channel: 4711,
							Payload: channeltest.Object(`{"say":"` + strings.Repeat("x", size-10) + `"}`)}
						region, image := wasm.EventImage(b, p, &ev)
						compareGuests(b, guests, c.callback, region, image)
					})
				}
			}
		})
	}
}

func compareGuests(b *testing.B, guests [2]*bare, callback string, region uint32, image []byte) {
	least := [2]float64{math.MaxFloat64, math.MaxFloat64}
	n := 1 + 20_000/len(image)
	for _, g := range guests {
		g.prepare(b, callback, region, image)
	}
	for b.Loop() {
		for i, g := range guests {
			begin := time.Now()
			for range n {
				g.enter(b)
			}
			least[i] = min(least[i], float64(time.Since(begin).Nanoseconds())/float64(n))
		}
	}
	b.ReportMetric(least[0], "plain-ns")
	b.ReportMetric(least[1], "metered-ns")
	b.ReportMetric(least[1]/least[0], "times")
	b.ReportMetric(float64(guests[1].used()), "fuel")
	b.ReportMetric(0, "ns/op")
}

// bare is an instance of a plugin with imports that do nothing.
type bare struct {
	api.Module
	f      api.Function
	fuel   api.MutableGlobal // nil if it is not metered
	region uint32
	stack  [1]uint64
}

const plenty = 1 << 40

func newBare(b *testing.B, bin []byte) *bare {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig())
	b.Cleanup(func() { r.Close(ctx) })
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		b.Fatal(err)
	}
	types := func(list []abi.ValueType) (out []api.ValueType) {
		for _, t := range list {
			out = append(out, api.ValueType(t))
		}
		return out
	}
	imports := r.NewHostModuleBuilder(abi.Module)
	for _, f := range abi.Imports() {
		var params []abi.ValueType
		for _, p := range f.Params {
			params = append(params, p.Type)
		}
		imports.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {}), types(params), types(f.Results)).Export(f.Name)
	}
	if _, err := imports.Instantiate(ctx); err != nil {
		b.Fatal(err)
	}
	_, err := r.NewHostModuleBuilder(meter.RefillModule).NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, _ []uint64) {
		m.ExportedGlobal(meter.FuelExport).(api.MutableGlobal).Set(plenty)
	}), []api.ValueType{api.ValueTypeI32}, nil).Export(meter.RefillName).Instantiate(ctx)
	if err != nil {
		b.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, bin, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		b.Fatal(err)
	}
	g := &bare{Module: m}
	if fuel := m.ExportedGlobal(meter.FuelExport); fuel != nil {
		g.fuel = fuel.(api.MutableGlobal)
	}
	if init := m.ExportedFunction("ch_init"); init != nil {
		if _, err := init.Call(ctx); err != nil {
			b.Fatal(err)
		}
	}
	return g
}

// prepare writes an event to where this guest has room, which may not be where the
// host wrote it.
func (g *bare) prepare(b *testing.B, callback string, region uint32, image []byte) {
	at, err := g.ExportedFunction("ch_buffer").Call(context.Background(), uint64(len(image)+abi.EventAlign))
	if err != nil || at[0] == 0 {
		b.Fatalf("ch_buffer: %v, %v", at, err)
	}
	g.region = (uint32(at[0]) + abi.EventAlign - 1) &^ (abi.EventAlign - 1)
	image = bytes.Clone(image)
	for _, pointer := range []int{abi.OffsetTopic, abi.OffsetEvent, abi.OffsetPayload, abi.OffsetAssigns, abi.OffsetSocketAssigns} {
		field := image[pointer:]
		binary.LittleEndian.PutUint32(field, binary.LittleEndian.Uint32(field)-region+g.region)
	}
	if !g.Memory().Write(g.region, image) {
		b.Fatal("the event does not fit")
	}
	g.f = g.ExportedFunction(callback)
}

func (g *bare) enter(b *testing.B) {
	if g.fuel != nil {
		g.fuel.Set(plenty)
	}
	g.stack[0] = uint64(g.region)
	if err := g.f.CallWithStack(context.Background(), g.stack[:]); err != nil {
		b.Fatal(err)
	}
}

// used is the fuel of the last call.
func (g *bare) used() int64 { return plenty - int64(g.fuel.Get()) }
