// Package double stands in for the host when plugins are tested natively: the
// seam between chhost, which calls the host's functions, and the test kit
// chhosttest, which records them. Modules built for Wasm do not contain it.
package double

import "sync"

// Event is what a host writes into the event struct.
type Event struct {
	Topic, Event, Payload, Assigns, SocketAssigns string

	Binary, WantsReply, Self bool

	NowMS   int64
	Channel uint64
	Kind    uint32 // of a leave or an info
	Ref     uint32 // of an event that waits for an answer, or a timer's key
}

// Host is the host's functions.
type Host interface {
	Reply(ok bool, payload string, binary bool)
	Push(event, payload string, binary bool)
	Broadcast(event, payload string, binary bool)
	BroadcastFrom(event, payload string, binary bool)
	BroadcastTo(topic, event, payload string, binary bool)
	ReplyTo(ref uint32, ok bool, payload string, binary bool)
	SendAfter(key, ms uint32, event, payload string, binary bool)
	Cancel(key uint32)
	Subscribe(topic string)
	Unsubscribe(topic string)
	Assign(data string)
	Intercept(event string)
	AcceptBinary()
	Log(level int32, text string)
	ConfigGet(key string) (value string, ok bool)
}

// Callback names a callback as modules export it.
type Callback string

// The callbacks.
const (
	Init       Callback = "ch_init"
	Join       Callback = "join"
	Leave      Callback = "leave"
	HandleIn   Callback = "handle_in"
	HandleOut  Callback = "handle_out"
	HandleInfo Callback = "handle_info"
	Upgrade    Callback = "upgrade"
	Connect    Callback = "connect"
)

// Status is what a callback returned.
type Status string

// The statuses.
const (
	OK     Status = "ok"
	Error  Status = "error"
	Stop   Status = "stop"
	Ignore Status = "ignore"
	Pass   Status = "pass"
)

// Limits are numbers of the contract.
type Limits struct {
	Name       int // bytes of a topic, an event or a setting's key
	Depth      int // levels of JSON
	Intercepts int // names that ch_init may intercept

	Timers, TimerBytes int   // of one channel; bytes of all their payloads
	Subscriptions      int   // of one channel
	OpenRefs           int   // events of one channel that may be answered later
	RefMS              int64 // milliseconds for which one may
}

// Guest is a module's exports, for any value that could be registered.
type Guest interface {
	// Has reports whether the value has the callback.
	Has(v any, c Callback) bool
	// Call runs the callback.
	Call(v any, c Callback, e Event) Status
	// Limits returns the fixed limits of the contract.
	Limits() Limits
}

// seam holds both sides. The lock lets tests run in parallel: as in an
// instance, one callback runs at a time.
var seam struct {
	sync.Mutex
	host  Host
	guest Guest
}

// Current returns the host that serves the running callback, or nil if none is
// running.
func Current() Host { return seam.host }

// With runs f, which calls callbacks, while h is the host.
func With(h Host, f func(Guest)) {
	seam.Lock()
	defer seam.Unlock()
	seam.host = h
	defer func() { seam.host = nil }()
	f(seam.guest)
}

// Serve is called by chhost when it is initialised.
func Serve(g Guest) { seam.guest = g }
