package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// instantiateWASI provides the engine's WASI. What its functions do is charged
// before they do it: one call can fill a whole memory with random bytes, or walk
// through millions of buffers, and nothing stops it.
func instantiateWASI(ctx context.Context, runtime wazero.Runtime) error {
	ctx = experimental.WithFunctionListenerFactory(ctx, experimental.FunctionListenerFactoryFunc(newWASICharge))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return fmt.Errorf("wasm: WASI: %w", err)
	}
	return nil
}

// mostBuffers is how many buffers fd_read and fd_write take at once: IOV_MAX of POSIX's
// systems.
const mostBuffers = 1024

// wasiCharge charges for a function of WASI by one of its parameters, which is how
// many bytes, buffers or clocks of the guest's memory it is about. It implements
// [experimental.FunctionListener].
type wasiCharge struct {
	name  string
	count int    // which parameter
	most  uint32 // 0 is any number
	size  int64  // of one in bytes: there are no more than the memory has room for
	price int64  // of one; 0 if the function takes no time that depends on it
}

func newWASICharge(def api.FunctionDefinition) experimental.FunctionListener {
	switch def.Name() {
	case "random_get":
		return wasiCharge{count: 1, size: 1, price: 1}
	case "fd_read", "fd_write":
		return wasiCharge{name: def.Name(), count: 2, most: mostBuffers, size: 8, price: 32}
	case "poll_oneoff":
		return wasiCharge{count: 2, size: 48, price: 128}
	}
	return wasiCharge{}
}

// Before implements [experimental.FunctionListener].
func (c wasiCharge) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	i, fuel := ctx.(*callContext).inst, int64(hostCall)
	if c.price > 0 {
		n := api.DecodeU32(params[c.count])
		if c.most > 0 && n > c.most {
			panic(&ContractError{Phase: i.current.phase, Import: c.name, Argument: "iovs_len", Rule: fmt.Sprintf("%d buffers were given: at most %d", n, c.most)})
		}
		fuel += min(int64(n), int64(i.memory.Size())/c.size) * c.price
	}
	i.spend(fuel)
}

// After implements [experimental.FunctionListener].
func (wasiCharge) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort implements [experimental.FunctionListener].
func (wasiCharge) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
