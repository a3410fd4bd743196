package chhost

import (
	"strings"
	"testing"
	"unsafe"
)

// The struct is read by Go's layout, the contract names offsets.
func TestEventLayout(t *testing.T) {
	var e event
	var s span
	length := unsafe.Offsetof(s.len)
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"size", unsafe.Offsetof(e.size), offsetSize},
		{"flags", unsafe.Offsetof(e.flags), offsetFlags},
		{"topic", unsafe.Offsetof(e.topic), offsetTopic},
		{"topic_len", unsafe.Offsetof(e.topic) + length, offsetTopicLen},
		{"event", unsafe.Offsetof(e.name), offsetEvent},
		{"event_len", unsafe.Offsetof(e.name) + length, offsetEventLen},
		{"payload", unsafe.Offsetof(e.payload), offsetPayload},
		{"payload_len", unsafe.Offsetof(e.payload) + length, offsetPayloadLen},
		{"assigns", unsafe.Offsetof(e.assigns), offsetAssigns},
		{"assigns_len", unsafe.Offsetof(e.assigns) + length, offsetAssignsLen},
		{"socket_assigns", unsafe.Offsetof(e.socketAssigns), offsetSocketAssigns},
		{"socket_assigns_len", unsafe.Offsetof(e.socketAssigns) + length, offsetSocketAssignsLen},
		{"now_ms", unsafe.Offsetof(e.nowMS), offsetNowMS},
		{"channel", unsafe.Offsetof(e.channel), offsetChannel},
		{"kind", unsafe.Offsetof(e.kind), offsetKind},
		{"ref", unsafe.Offsetof(e.ref), offsetRef},
		{"the whole", unsafe.Sizeof(e), eventSize},
	} {
		if f.got != f.want {
			t.Errorf("%s: %d, the contract says %d", f.name, f.got, f.want)
		}
	}
}

func TestBuffer(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	region = nil
	small := buffer(10)
	if len(small) < minBuffer {
		t.Errorf("buffer(10) has %d bytes, want at least %d", len(small), minBuffer)
	}
	if again := buffer(minBuffer); &again[0] != &small[0] {
		t.Error("buffer moved the region although it was large enough")
	}
	for _, size := range []uint32{minBuffer + 1, 100_000, maxRegion} {
		if got := buffer(size); len(got) < int(size) || &got[0] != &region[0] {
			t.Errorf("buffer(%d) has %d bytes, or is not kept alive", size, len(got))
		}
	}
	kept := &region[0]
	for _, size := range []uint32{maxRegion + 1, 1 << 31, 1<<32 - 1} {
		if buffer(size) != nil {
			t.Errorf("buffer(%d) was granted", size)
		}
	}
	if &region[0] != kept {
		t.Error("a refused buffer changed the region")
	}
}

// Sockets are made several at a time, but each is one callback's only.
func TestEachCallbackHasASocket(t *testing.T) {
	c := newChannel(everything{})
	seen := make(map[*Socket]bool)
	for range 100 {
		s := c.begin(callbackHandleIn, new(event))
		if seen[s] || s.have != 0 || s.answered || s.assigns != nil {
			t.Fatalf("a Socket was used again: %+v", *s)
		}
		seen[s] = true
		s.read(s.ev)
		s.answered, s.assigns = true, new(content)
		s.end()
		mustPanic(t, "after the callback had returned", func() { s.Topic() })
	}
}

func TestCallbackBits(t *testing.T) {
	for _, c := range []struct {
		v    Joiner
		want uint32
	}{
		{joinOnly{}, callbackJoin | callbackIdle},
		{everything{}, callbackJoin | callbackLeave | callbackHandleIn | callbackHandleOut | callbackHandleInfo | callbackUpgrade | callbackConnect | callbackIdle},
	} {
		if got := newChannel(c.v).callbacks(); got != c.want {
			t.Errorf("%T: callbacks are %b, want %b", c.v, got, c.want)
		}
	}
}

type joinOnly struct{}

func (joinOnly) Join(*Socket) JoinResult { return OK }

type everything struct{ joinOnly }

func (everything) Leave(*Socket)                                {}
func (everything) HandleIn(*Socket, string, Payload) InResult   { return OK }
func (everything) HandleOut(*Socket, string, Payload) OutResult { return OK }
func (everything) HandleInfo(*Socket, Info) InfoResult          { return OK }
func (everything) Upgrade(*Socket, string) UpgradeResult        { return OK }
func (everything) Connect(*Connection) ConnectResult            { return OK }

func TestRegister(t *testing.T) {
	defer func(old *channel) { registered = old }(registered)
	registered = nil
	mustPanic(t, "call chhost.Register in an init function", func() { current() })
	mustPanic(t, "called with nil", func() { Register(nil) })
	Register(joinOnly{})
	if current() == nil {
		t.Error("nothing is registered")
	}
	mustPanic(t, "called twice", func() { Register(joinOnly{}) })
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got, _ := recover().(string); !strings.Contains(got, want) {
			t.Errorf("panic %q, want one that contains %q", got, want)
		}
	}()
	f()
}
