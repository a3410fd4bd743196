//go:build !wasip1

package chhost

import (
	"unsafe"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// Outside of a Wasm module there is no host. Its functions go to the double
// that a test has installed, so that plugins can be vetted and tested with the
// ordinary Go tools.

func host() double.Host {
	h := double.Current()
	if h == nil {
		panic("chhost: there is no host: outside of a Wasm module, package chhosttest runs callbacks")
	}
	return h
}

func hostReply(status int32, payload string, flags uint32) {
	host().Reply(status == replyOK, payload, flags&payloadBinary != 0)
}

func hostPush(event, payload string, flags uint32) {
	host().Push(event, payload, flags&payloadBinary != 0)
}

func hostBroadcast(event, payload string, flags uint32) {
	host().Broadcast(event, payload, flags&payloadBinary != 0)
}

func hostBroadcastFrom(event, payload string, flags uint32) {
	host().BroadcastFrom(event, payload, flags&payloadBinary != 0)
}

func hostBroadcastTo(topic, event, payload string, flags uint32) {
	host().BroadcastTo(topic, event, payload, flags&payloadBinary != 0)
}

func hostReplyTo(ref uint32, status int32, payload string, flags uint32) {
	host().ReplyTo(ref, status == replyOK, payload, flags&payloadBinary != 0)
}

func hostSendAfter(key, ms uint32, event, payload string, flags uint32) {
	host().SendAfter(key, ms, event, payload, flags&payloadBinary != 0)
}

func hostCancel(key uint32) { host().Cancel(key) }

func hostSubscribe(topic string) { host().Subscribe(topic) }

func hostUnsubscribe(topic string) { host().Unsubscribe(topic) }

func hostAssign(data string) { host().Assign(data) }

func hostIntercept(event string) { host().Intercept(event) }

func hostAcceptBinary() { host().AcceptBinary() }

// hostLog prints where there is no host: an init function may log.
func hostLog(level int32, text string) {
	if h := double.Current(); h != nil {
		h.Log(level, text)
		return
	}
	println(text)
}

func hostConfigGet(key string, buf []byte) int32 {
	value, ok := host().ConfigGet(key)
	if !ok {
		return -1
	}
	copy(buf, value)
	return int32(len(value))
}

// base is the address that the region has here: like a host's, no address in an
// event is zero.
const base = 1 << 16

// at turns an address into a pointer into the region.
func at(addr uint32) unsafe.Pointer { return unsafe.Pointer(&region[addr-base]) }

func init() { double.Serve(guest{}) }

// guest is what a module's exports are, for tests.
type guest struct{}

var callbackBits = map[double.Callback]uint32{
	double.Join: callbackJoin, double.Leave: callbackLeave,
	double.HandleIn: callbackHandleIn, double.HandleOut: callbackHandleOut, double.HandleInfo: callbackHandleInfo,
	double.Upgrade: callbackUpgrade, double.Connect: callbackConnect,
}

var statuses = map[int32]double.Status{
	statusOK: double.OK, statusError: double.Error, statusStop: double.Stop,
	statusIgnore: double.Ignore, statusPass: double.Pass,
}

func (guest) Limits() double.Limits {
	return double.Limits{
		Name: maxName, Depth: maxDepth, Intercepts: maxIntercepts,
		Timers: maxTimers, TimerBytes: maxTimerBytes, Subscriptions: maxSubscriptions,
		OpenRefs: maxOpenRefs, RefMS: refSeconds * 1000,
	}
}

func (guest) Has(v any, c double.Callback) bool {
	return newChannel(v.(Joiner)).callbacks()&callbackBits[c] != 0
}

func (guest) Call(v any, c double.Callback, e double.Event) double.Status {
	channel := newChannel(v.(Joiner))
	if c == double.Init {
		return statuses[channel.setUp()]
	}
	defer channel.abandon()
	return statuses[channel.call(callbackBits[c], layOut(e))]
}

// layOut writes an event into the region as a host does.
func layOut(e double.Event) *event {
	parts := []string{e.Topic, e.Event, e.Payload, e.Assigns, e.SocketAssigns}
	size := eventSize + eventAlign
	for _, part := range parts {
		size += len(part)
	}
	if buffer(uint32(size)) == nil {
		panic("chhost: the event is larger than a plugin takes")
	}
	start := int(-uintptr(unsafe.Pointer(unsafe.SliceData(region))) % eventAlign)
	ev := (*event)(unsafe.Pointer(&region[start]))
	*ev = event{size: eventSize, nowMS: e.NowMS, channel: e.Channel, kind: e.Kind, ref: e.Ref}
	if e.Binary {
		ev.flags |= flagBinary
	}
	if e.WantsReply {
		ev.flags |= flagWantsReply
	}
	if e.Self {
		ev.flags |= flagSelf
	}
	next := start + eventSize
	for i, to := range []*span{&ev.topic, &ev.name, &ev.payload, &ev.assigns, &ev.socketAssigns} {
		to.addr, to.len = uint32(base+next), uint32(len(parts[i]))
		next += copy(region[next:], parts[i])
	}
	return ev
}
