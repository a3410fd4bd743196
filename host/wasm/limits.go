package wasm

import (
	"runtime"
	"time"
)

// Limits bound what a plugin may use. The zero value of a field is its default.
type Limits struct {
	// Memory is the linear memory of one instance in bytes, rounded down to
	// pages of 64 KiB, and less than 4 GiB. Default 64 MiB.
	Memory int
	// Fuel is what one callback may use, and JoinFuel what join, connect and each
	// function of an instance's start may use: one for each instruction, more for
	// filling and copying memory, see package meter, 512 for each call of the host,
	// and for payloads by their size. Defaults 50 million, which takes about 10 ms, and 200 million.
	Fuel, JoinFuel int64
	// Instances is how many callbacks of the plugin may run at once. Default
	// twice GOMAXPROCS.
	Instances int
	// Wait is how long a connection, a join or an event waits for an instance before
	// it is answered "busy". Default 2 s. A leave, an intercepted broadcast, a timer
	// and an upgrade, of which nobody could be told, wait for as long as it takes.
	Wait time.Duration
	// Payload is the size in bytes of one payload, in either direction. Default
	// 320 KiB: that is 64 KiB more than the largest frame of a client, so that a
	// handler can put a client's payload into one of its own.
	Payload int
	// Effects is how many effects one callback may ask for. Default 256.
	Effects int
	// EffectBytes is how large the effects of one callback may be together.
	// Default 1 MiB.
	EffectBytes int
	// Assigns is the size in bytes of a channel's assigns. Default 16 KiB.
	Assigns int
	// LogLine is the length in bytes after which a line of the log is cut.
	// Default 1 KiB.
	LogLine int
	// LogLines is how many lines the plugin may log in a second; the others are
	// counted, and the count is logged. Default 100.
	LogLines int

	// callbackTime is how long a callback may take, whatever its fuel; tests on slow
	// machines need more. Default callbackTime.
	callbackTime time.Duration
}

const wasmPage = 64 << 10

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Memory, 64<<20)
	set(&l.Instances, 2*runtime.GOMAXPROCS(0))
	set(&l.Payload, 320<<10)
	set(&l.Effects, 256)
	set(&l.EffectBytes, 1<<20)
	set(&l.Assigns, 16<<10)
	set(&l.LogLine, 1<<10)
	set(&l.LogLines, 100)
	if l.Fuel <= 0 {
		l.Fuel = 50_000_000
	}
	if l.JoinFuel <= 0 {
		l.JoinFuel = 200_000_000
	}
	if l.Wait <= 0 {
		l.Wait = 2 * time.Second
	}
	if l.callbackTime <= 0 {
		l.callbackTime = callbackTime
	}
	return l
}

// pages is the memory's limit in the engine's unit. One page less than there can
// be, so that the size of a memory fits into 32 bits.
func (l Limits) pages() uint32 { return uint32(min(l.Memory/wasmPage, 1<<16-1)) }

// callbackTime is how long a callback may run after its first slice of fuel: on a
// machine that is so busy that fuel lasts long, what waits for the instance is
// worth more than what the guest does.
const callbackTime = 2 * time.Second

// maxModule is the size in bytes of the largest module that is looked at.
const maxModule = 16 << 20

// maxSleep is how long a guest may sleep in one callback; its clock advances and
// no time passes.
const maxSleep = 10 * time.Second

// maxOutput is how many bytes a guest may write to its standard output and error
// in one callback. Beyond it, fd_write fails: a guest can name the same memory
// millions of times in one call, which nothing could interrupt.
const maxOutput = 1 << 20
