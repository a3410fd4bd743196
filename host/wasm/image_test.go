package wasm

import (
	"bytes"
	"context"
	"testing"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// EventImage is what the host writes into the guest's memory for handle_in, and
// where: for benchmarks that enter a guest without the host.
func EventImage(t testing.TB, p *Plugin, ev *channel.Event) (region uint32, image []byte) {
	t.Helper()
	inst, err := p.take(context.Background(), abi.PhaseHandleIn, true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.put(inst)
	if ok, err := inst.write(context.Background(), abi.PhaseHandleIn, ev); err != nil || !ok {
		t.Fatal(ok, err)
	}
	image, _ = inst.memory.Read(inst.region, inst.regionSize)
	return inst.region, bytes.Clone(image)
}
