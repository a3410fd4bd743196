package host_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// inbox keeps frames as text, binary ones behind a "!".
type inbox struct {
	mu     sync.Mutex
	frames []string
}

func (in *inbox) receive(f phx.Frame) {
	in.mu.Lock()
	defer in.mu.Unlock()
	text := string(f.Data)
	if f.Binary {
		text = "!" + text
	}
	in.frames = append(in.frames, text)
}

// expect compares what has come since the last call, when the host is at rest.
func (in *inbox) expect(t *testing.T, h *host.Host, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(channeltest.Deadline); h.Busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the host does not come to rest")
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if !slices.Equal(in.frames, want) {
		t.Errorf("received %q, want %q", in.frames, want)
	}
	in.frames = nil
}

// TestLocal guards that a client in this process and one on a connection are
// alike, and that what each of them is sent arrives.
func TestLocal(t *testing.T) {
	leaves := make(chan channel.LeaveKind, 4)
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Handler: talk(leaves)}}})
	var in inbox
	l, err := s.Local(in.receive)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	send := func(frame string) {
		t.Helper()
		if err := l.HandleFrame(ctx, phx.Frame{Data: []byte(frame)}); err != nil {
			t.Fatal(err)
		}
	}
	send(`["1","1","rooms:a","phx_join",{}]`)
	in.expect(t, s.Host, `["1","1","rooms:a","phx_reply",{"status":"ok","response":{}}]`)
	if st, err := l.Standing(ctx, "rooms:a"); err != nil || !st.Joined || st.Handler != "talk" {
		t.Errorf("%+v, %v", st, err)
	}
	other := join(t, s.Connect(t, phxclient.ClientOptions{}), "rooms:a")
	send(`["1","2","rooms:a","say",{"n":1}]`)
	in.expect(t, s.Host, `[null,null,"rooms:a","say",{"n":1}]`)
	if m, err := other.Receive(ctx); err != nil || m.Event != "say" {
		t.Errorf("the other client: %+v, %v", m, err)
	}
	send(`["1","3","rooms:a","bytes",{}]`)
	in.expect(t, s.Host, "!\x00\x01\x07\x051rooms:abytes\x00\xff")

	var refusal *host.Refusal
	if _, err := l.Admit(ctx, "elsewhere", `"4"`); !errors.As(err, &refusal) || refusal.Reason != phx.ReasonUnmatchedTopic {
		t.Errorf("err = %v", err)
	}
	if st, err := l.Admit(ctx, "rooms:b", `"4"`); err != nil || !st.Joined {
		t.Errorf("%+v, %v", st, err)
	}
	if n := s.Kick("rooms:b"); n != 1 {
		t.Errorf("kicked %d", n)
	}
	in.expect(t, s.Host, `["4","4","rooms:b","phx_close",{}]`)
	if kind := <-leaves; kind != channel.LeaveKicked {
		t.Errorf("leave was told %d", kind)
	}
	l.Close()
	l.Close()
	if kind := <-leaves; kind != channel.LeaveClosed {
		t.Errorf("leave was told %d", kind)
	}
	if _, err := l.Standing(ctx, "rooms:a"); !errors.Is(err, host.ErrSocketClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// talk broadcasts "say", and pushes bytes for "bytes".
func talk(leaves chan<- channel.LeaveKind) channel.Handler {
	return channel.Funcs{
		Name:     "talk",
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			leaves <- ev.Leave
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Event == "bytes" {
				return channel.Result{Do: []channel.Effect{channel.Push(ev.Event, phx.Bytes([]byte{0, 255}))}}, nil
			}
			return channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()
}

// TestShutdownClosesLocals guards that their channels get their leave, whether
// the host has run or not, and that no more can be opened.
func TestShutdownClosesLocals(t *testing.T) {
	for _, run := range []bool{true, false} {
		leaves := make(chan channel.LeaveKind, 1)
		h, err := host.New(host.Config{Routes: []host.Route{{Pattern: "*", Handler: open(leaves)}}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := h.Local(new(inbox).receive)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
		defer cancel()
		if _, err := l.Admit(ctx, "a", `"1"`); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		if run {
			running, stop := context.WithCancel(ctx)
			go func() { ended <- h.Run(running) }()
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		} else if err := h.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		select {
		case kind := <-leaves:
			if kind != channel.LeaveShutdown {
				t.Errorf("leave was told %d", kind)
			}
		default:
			t.Error("the shutdown did not wait for leave")
		}
		if _, err := h.Local(new(inbox).receive); !errors.Is(err, host.ErrStopped) {
			t.Errorf("after the shutdown: %v", err)
		}
		l.Close()
	}
}

// TestBroadcastAndSubscribe guards the topics of a host that serves none.
func TestBroadcastAndSubscribe(t *testing.T) {
	s := hosttest.Start(t, host.Config{RoutesOptional: true})
	var heard []string
	unsubscribe, err := s.Subscribe("rooms:demo", func(b *phx.Broadcast) {
		heard = append(heard, b.Topic()+" "+b.Event()+" "+string(b.Payload().Data()))
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := phx.JSON([]byte(`[1]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []error{
		s.Broadcast("", "e", phx.Payload{}),
		s.Broadcast("rooms:demo", "a\nb", phx.Payload{}),
		s.Broadcast("rooms:demo", "phx_close", phx.Payload{}),
		s.Broadcast("rooms:demo", "e", list),
	} {
		if bad == nil {
			t.Error("a broadcast that no plugin could send was sent")
		}
	}
	if _, err := s.Subscribe("", func(*phx.Broadcast) {}); !errors.Is(err, phx.ErrNameLength) {
		t.Errorf("no topic: %v", err)
	}
	if err := s.Broadcast("rooms:demo", "e", phx.Payload{}); err != nil {
		t.Error(err)
	}
	if n := s.Subscribers("rooms:demo"); n != 1 {
		t.Errorf("%d subscribers", n)
	}
	unsubscribe()
	unsubscribe()
	if err := s.Broadcast("rooms:demo", "e", phx.Payload{}); err != nil {
		t.Error(err)
	}
	if want := []string{"rooms:demo e {}"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// TestLocalsShareFrames guards that a broadcast is encoded once for all sockets of
// this process.
func TestLocalsShareFrames(t *testing.T) {
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Handler: talk(make(chan channel.LeaveKind, 4))}}})
	frames := make(chan []byte, 4)
	for range 2 {
		l, err := s.Local(func(f phx.Frame) {
			if !bytes.Contains(f.Data, []byte("phx_")) {
				frames <- f.Data
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := l.Admit(t.Context(), "rooms:a", `"1"`); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Broadcast("rooms:a", "say", phx.Payload{}); err != nil {
		t.Fatal(err)
	}
	if len(frames) != 2 {
		t.Fatalf("%d frames, want 2", len(frames))
	}
	if a, b := <-frames, <-frames; &a[0] != &b[0] {
		t.Error("each socket has a frame of its own")
	}
}

// TestReceiverThatPanics guards that it costs its own socket, and neither the sender
// nor those behind it.
func TestReceiverThatPanics(t *testing.T) {
	var log channeltest.Log
	leaves := make(chan channel.LeaveKind, 4)
	s := hosttest.Start(t, host.Config{Logger: log.Logger(), Routes: []host.Route{{Pattern: "rooms:*", Handler: talk(leaves)}}})
	open := func(receive func(phx.Frame)) *host.Local {
		l, err := s.Local(receive)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		if _, err := l.Admit(t.Context(), "rooms:a", `"1"`); err != nil {
			t.Fatal(err)
		}
		return l
	}
	bad := open(func(phx.Frame) { panic("the receiver's bug") })
	var in inbox
	good := open(in.receive)
	for _, n := range []string{"1", "2"} {
		if err := good.HandleFrame(t.Context(), phx.Frame{Data: []byte(`["1","2","rooms:a","say",{"n":` + n + `}]`)}); err != nil {
			t.Fatal(err)
		}
		in.expect(t, s.Host, `[null,null,"rooms:a","say",{"n":`+n+`}]`)
	}
	if kind := <-leaves; kind != channel.LeaveClosed {
		t.Errorf("leave was told %d", kind)
	}
	if _, err := bad.Standing(t.Context(), "rooms:a"); !errors.Is(err, host.ErrSocketClosed) {
		t.Errorf("the socket has not ended: %v", err)
	}
	if n := log.Count("the receiver's bug"); n != 1 || log.Count("BUG") != 0 {
		t.Errorf("%d lines, want 1:\n%s", n, &log)
	}
}

// TestClosedLocalsAreForgotten guards that a host which opens and closes many keeps
// none of them.
func TestClosedLocalsAreForgotten(t *testing.T) {
	s := hosttest.Start(t, host.Config{RoutesOptional: true})
	var freed atomic.Bool
	func() {
		var in inbox
		runtime.AddCleanup(&in, func(int) { freed.Store(true) }, 0)
		l, err := s.Local(in.receive)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}()
	channeltest.Eventually(t, "the end of what the socket held", func() bool {
		runtime.GC()
		return freed.Load()
	})
}
