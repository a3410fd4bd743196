//go:build wasip1

package chhost

import (
	"runtime"
	"unsafe"
)

// The host's functions. Strings become an address and a length. None of them
// keeps what it is given, nor calls back into the plugin. The linker leaves out
// those that nothing in the plugin calls, and a test looks: what a module does
// not import, its host need not provide for.

//go:wasmimport chhost_v1 reply
//go:noescape
func hostReply(status int32, payload string, flags uint32)

//go:wasmimport chhost_v1 push
//go:noescape
func hostPush(event, payload string, flags uint32)

//go:wasmimport chhost_v1 broadcast
//go:noescape
func hostBroadcast(event, payload string, flags uint32)

//go:wasmimport chhost_v1 broadcast_from
//go:noescape
func hostBroadcastFrom(event, payload string, flags uint32)

//go:wasmimport chhost_v1 broadcast_to
//go:noescape
func hostBroadcastTo(topic, event, payload string, flags uint32)

//go:wasmimport chhost_v1 reply_to
//go:noescape
func hostReplyTo(ref uint32, status int32, payload string, flags uint32)

//go:wasmimport chhost_v1 send_after
//go:noescape
func hostSendAfter(key, ms uint32, event, payload string, flags uint32)

//go:wasmimport chhost_v1 cancel
func hostCancel(key uint32)

//go:wasmimport chhost_v1 subscribe
//go:noescape
func hostSubscribe(topic string)

//go:wasmimport chhost_v1 unsubscribe
//go:noescape
func hostUnsubscribe(topic string)

//go:wasmimport chhost_v1 assign
//go:noescape
func hostAssign(data string)

//go:wasmimport chhost_v1 intercept
//go:noescape
func hostIntercept(event string)

//go:wasmimport chhost_v1 accept_binary
func hostAcceptBinary()

//go:wasmimport chhost_v1 log
//go:noescape
func hostLog(level int32, text string)

//go:wasmimport chhost_v1 config_get
//go:noescape
func configGet(key string, buf unsafe.Pointer, capacity uint32) int32

func hostConfigGet(key string, buf []byte) int32 {
	return configGet(key, unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf)))
}

// at turns the host's address into a pointer. Every address that the host
// writes lies inside region.
func at(addr uint32) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), addr) }

//go:wasmexport ch_abi_version
func exportVersion() int32 { return abiVersion }

//go:wasmexport ch_buffer
func exportBuffer(size uint32) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(buffer(size)))
}

//go:wasmexport ch_callbacks
func exportCallbacks() uint32 { return current().callbacks() }

//go:wasmexport ch_init
func exportInit() int32 { return current().setUp() }

//go:wasmexport join
func exportJoin(ev *event) int32 { return run(callbackJoin, ev) }

//go:wasmexport leave
func exportLeave(ev *event) int32 { return run(callbackLeave, ev) }

//go:wasmexport handle_in
func exportHandleIn(ev *event) int32 { return run(callbackHandleIn, ev) }

//go:wasmexport handle_out
func exportHandleOut(ev *event) int32 { return run(callbackHandleOut, ev) }

//go:wasmexport handle_info
func exportHandleInfo(ev *event) int32 { return run(callbackHandleInfo, ev) }

//go:wasmexport upgrade
func exportUpgrade(ev *event) int32 { return run(callbackUpgrade, ev) }

//go:wasmexport connect
func exportConnect(ev *event) int32 { return run(callbackConnect, ev) }

// exportIdle collects garbage while nobody waits for it.
//
//go:wasmexport ch_idle
func exportIdle() int32 {
	runtime.GC()
	return statusOK
}

// calls counts callbacks, to yield now and then.
var calls uint

func run(callback uint32, ev *event) int32 {
	status := current().call(callback, ev)
	if calls++; calls%yieldEvery == 0 {
		runtime.Gosched()
	}
	return status
}

// yieldEvery is the number of callbacks after which Go's scheduler runs, which
// takes 1 µs. Go's collector works in goroutines of its own; if they get no turn,
// its end depends on how much callbacks allocate and on the version of Go, and an
// instance whose memory only grows is ended by the host.
const yieldEvery = 64
