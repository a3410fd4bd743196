package socket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

func frames(texts ...string) [][]byte {
	list := make([][]byte, 0, len(texts))
	for _, f := range texts {
		list = append(list, []byte(f))
	}
	return list
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// Wake is called once whenever frames wait and nobody writes, and Next returns
// all that waits, then nothing.
func TestWakeAndNext(t *testing.T) {
	r := newRig(t, socket.Config{})
	if got, end := r.Next(nil); len(got) != 0 || end != nil {
		t.Errorf("Next of an idle socket returned %q %v", got, end)
	}
	dst := make([][]byte, 0, 8)
	for round := range int64(3) {
		r.Send([]byte("a"))
		r.Send([]byte("b"))
		if r.wakes.Load() != round+1 {
			t.Fatalf("round %d: woken %d times", round, r.wakes.Load())
		}
		got, end := r.Next(dst)
		if !equal(got, frames("a", "b")) || end != nil || &got[:1][0] != &dst[:1][0] {
			t.Errorf("Next returned %q %v, want a and b in the slice it was given", got, end)
		}
		r.Send([]byte("c")) // the writer has not come back yet
		if got, end = r.Next(got); !equal(got, frames("c")) || end != nil {
			t.Errorf("Next returned %q %v, want c", got, end)
		}
		if r.wakes.Load() != round+1 {
			t.Fatalf("round %d: woken %d times, although somebody writes", round, r.wakes.Load())
		}
		if got, end = r.Next(got); len(got) != 0 || end != nil {
			t.Errorf("Next returned %q %v, want nothing", got, end)
		}
	}
}

// Frames that are held wake nobody until the last hold has ended; a writer that is
// at work takes them, and the end of the socket is not held back.
func TestHold(t *testing.T) {
	r := newRig(t, socket.Config{})
	r.Hold()
	r.Hold()
	r.Send([]byte("a"))
	r.Release()
	r.Send([]byte("b"))
	if r.wakes.Load() != 0 {
		t.Fatal("woken while frames are held")
	}
	r.Release()
	if got, _ := r.Next(nil); r.wakes.Load() != 1 || !equal(got, frames("a", "b")) {
		t.Errorf("woken %d times for %q, want once for a and b", r.wakes.Load(), got)
	}
	r.Hold()
	r.Send([]byte("c"))
	if got, _ := r.Next(nil); !equal(got, frames("c")) {
		t.Errorf("the writer got %q, want c", got)
	}
	if got, _ := r.Next(nil); len(got) > 0 {
		t.Errorf("the writer got %q, want nothing", got)
	}
	r.Release() // nothing waits
	if r.wakes.Load() != 1 {
		t.Errorf("woken %d times although nothing waits", r.wakes.Load())
	}
	r.Hold()
	r.Send([]byte("d"))
	r.Close(socket.End{Code: socket.CloseGoingAway}, socket.LeaveClosed)
	if r.wakes.Load() != 2 {
		t.Errorf("woken %d times, want once more for the end", r.wakes.Load())
	}
	r.Release()
	got, _ := r.Next(nil)
	if _, end := r.Next(nil); !equal(got, frames("d")) || end == nil || r.wakes.Load() != 2 {
		t.Errorf("%q and then the end %v, want d and an end", got, end)
	}
}

// What waits when the socket ends is still written, unless the connection is
// gone; then comes the end, for good. The writer is woken for it if there is
// none.
func TestCloseAndNext(t *testing.T) {
	for _, tc := range []struct {
		name    string
		code    int
		writing bool // a writer has taken the first frame
		want    [][]byte
	}{
		{"with a code, nobody writes", socket.CloseServiceRestart, false, frames("a", "b")},
		{"with a code, somebody writes", socket.CloseServiceRestart, true, frames("b")},
		{"gone, nobody writes", 0, false, nil},
		{"gone, somebody writes", 0, true, nil},
	} {
		for _, idle := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, idle %v", tc.name, idle), func(t *testing.T) {
				r := newRig(t, socket.Config{})
				wakes, want := int64(1), tc.want
				if idle {
					want = nil
				} else {
					r.Send([]byte("a"))
					if tc.writing {
						r.Next(nil)
					}
					r.Send([]byte("b"))
				}
				r.Close(socket.End{Code: tc.code, Reason: "why"}, channel.LeaveClosed)
				r.Close(socket.End{Code: 4999}, channel.LeaveClosed)
				r.Send([]byte("late"))
				r.Push(&phx.Message{Topic: "t", Event: "late"})
				if r.wakes.Load() != wakes {
					t.Errorf("woken %d times, want %d", r.wakes.Load(), wakes)
				}
				var got [][]byte
				end := (*socket.End)(nil)
				if len(want) > 0 {
					if got, end = r.Next(nil); !equal(got, want) || end != nil {
						t.Errorf("Next returned %q %v, want %q", got, end, want)
					}
				}
				for range 2 {
					if got, end = r.Next(got); len(got) != 0 || end == nil || *end != (socket.End{Code: tc.code, Reason: "why"}) {
						t.Errorf("Next returned %q %v, want the end", got, end)
					}
				}
			})
		}
	}
}

// The bound is on what waits: one frame always fits. Over the bound all of it is
// dropped, the socket ends with 1013, and nothing that comes later slips in.
func TestOutboxBound(t *testing.T) {
	large := make([]byte, 5000)
	r := newRig(t, socket.Config{Outbox: 1000})
	const cost = 24 // of a frame
	r.Send(large)
	if got, end := r.written(); len(got) != 1 || len(got[0]) != 5000 || end != nil {
		t.Fatalf("a large frame alone: %d frames, end %v", len(got), end)
	}
	r.Send(make([]byte, 400))
	r.Send(make([]byte, 600-2*cost))
	if got, end := r.written(); len(got) != 2 || end != nil {
		t.Fatalf("within the bound: %d frames, end %v", len(got), end)
	}
	r.receive(t, join("t"))
	r.settle(t)
	r.Send(make([]byte, 400))
	r.Send(make([]byte, 601-2*cost)) // a burst
	r.Send(make([]byte, 3000-2*cost))
	r.Send([]byte("late"))
	r.expectEnd(t, socket.CloseTryAgainLater)
	r.expectLeft(t, channel.LeaveClosed)
	if r.log.Count("does not read fast enough") != 1 {
		t.Errorf("the log:\n%s", &r.log)
	}
	r = newRig(t, socket.Config{Outbox: 1000})
	r.Send(large)
	r.Send([]byte("x"))
	r.expectEnd(t, socket.CloseTryAgainLater)
}

// Up to four times the bound may wait as long as these are few frames, but not
// for longer than 5 s; what waits is then dropped with the next frame. Once it was
// taken out, all begins anew.
func TestABurstIsNoSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Outbox: 1000})
		for range 3 {
			for range 8 {
				r.Send(make([]byte, 400))
			}
			time.Sleep(5*time.Second - 1)
			r.Send(make([]byte, 400))
			if got, end := r.written(); len(got) != 9 || end != nil {
				t.Fatalf("%d frames, end %v, want all nine", len(got), end)
			}
		}
		for range 8 {
			r.Send(make([]byte, 400))
		}
		time.Sleep(5 * time.Second)
		r.Send(make([]byte, 400))
		r.expectEnd(t, socket.CloseTryAgainLater)
	})
	r := newRig(t, socket.Config{Outbox: 1000})
	for range 32 {
		r.Send(make([]byte, 30)) // a thirtieth frame would be above the bound
	}
	if got, end := r.written(); len(got) != 32 || end != nil {
		t.Fatalf("%d frames, end %v, want all 32", len(got), end)
	}
	for range 33 {
		r.Send(make([]byte, 30))
	}
	r.expectEnd(t, socket.CloseTryAgainLater)
	if n := r.counts.SlowClosed.Load(); n != 1 {
		t.Errorf("%d slow clients were counted", n)
	}
}

// Frames cost more than their bytes: a client that makes the host queue tiny
// ones, such as empty pongs, must not get many times the bound.
func TestOutboxBoundCountsTinyFrames(t *testing.T) {
	r := newRig(t, socket.Config{Outbox: 10_000})
	n := 0
	for ; n < 10_000; n++ {
		r.Send([]byte("xx"))
		if err := r.HandleFrame(t.Context(), text(`[null,null,"t","x",{}]`)); err != nil {
			break
		}
	}
	if n < 100 || n > 500 {
		t.Errorf("%d frames of two bytes fit into 10,000 bytes; each takes at least a slice of 24", n)
	}
	r.expectEnd(t, socket.CloseTryAgainLater)
}

// meanwhile is a logger that does something at each line.
type meanwhile struct {
	slog.Handler
	do func()
}

func (m *meanwhile) Enabled(context.Context, slog.Level) bool { return true }

func (m *meanwhile) Handle(context.Context, slog.Record) error { m.do(); return nil }

// Between the overflow and the end that follows it, others may send: a frame
// that got in behind those that were dropped would show the client a gap.
func TestNothingSlipsInBehindTheOverflow(t *testing.T) {
	var r *rig
	log := &meanwhile{do: func() { r.Send([]byte("late")) }}
	r = newRig(t, socket.Config{Outbox: 100, Logger: slog.New(log)})
	r.Send([]byte("a"))
	r.Next(nil)
	r.Send(make([]byte, 90))
	r.Send(make([]byte, 300))
	r.expectEnd(t, socket.CloseTryAgainLater)
	if r.wakes.Load() != 1 {
		t.Errorf("woken %d times, although somebody writes", r.wakes.Load())
	}
}

// TestOutboxRace has several senders and a writer that, like the transport's, is
// a goroutine made by Wake and ends when there is nothing. No two write at once,
// no frame is lost, doubled or overtaken by a later one of its sender, and the
// end comes last.
func TestOutboxRace(t *testing.T) {
	for range 20 {
		var (
			s       *socket.Socket
			writers sync.WaitGroup
			mu      sync.Mutex
			got     []uint64
			busy    sync.Mutex
			done    = make(chan struct{})
		)
		write := func() {
			defer writers.Done()
			var batch [][]byte
			for {
				// Only what happens between two calls of Next belongs to one writer: when
				// Next returns nothing the next one may begin before this one is gone.
				if !busy.TryLock() {
					t.Error("two write at once")
					return
				}
				for _, f := range batch {
					mu.Lock()
					got = append(got, binary.BigEndian.Uint64(f))
					mu.Unlock()
				}
				busy.Unlock()
				var end *socket.End
				if batch, end = s.Next(batch); end != nil {
					close(done)
					return
				}
				if len(batch) == 0 {
					return
				}
			}
		}
		s = socket.New(socket.Config{
			Env: channel.NewEnv(channel.Config{PubSub: pubsub.New(nil)}), Encoder: &phx.Encoder{Serializer: phx.V2()},
			Wake: func() { writers.Add(1); go write() },
		})
		const senders, each = 4, 500
		var wg sync.WaitGroup
		for sender := range uint64(senders) {
			wg.Go(func() {
				for n := range uint64(each) {
					s.Send(binary.BigEndian.AppendUint64(nil, sender<<32|n))
				}
			})
		}
		wg.Wait()
		s.Close(socket.End{Code: socket.CloseGoingAway}, channel.LeaveClosed)
		<-done
		writers.Wait()
		checkOrder(t, got, make([]uint64, senders), each)
	}
}

// checkOrder wants each of the senders, whose number is in the upper half of a
// frame, to have sent its lower halves 0, 1, and so on, up to each.
func checkOrder(t *testing.T, got, next []uint64, each uint64) {
	t.Helper()
	for _, f := range got {
		sender, n := f>>32, f&0xffffffff
		if n != next[sender] {
			t.Fatalf("sender %d: frame %d, want %d", sender, n, next[sender])
		}
		next[sender]++
	}
	for sender, n := range next {
		if n != each {
			t.Fatalf("sender %d: %d of %d frames were written", sender, n, each)
		}
	}
}

// All sockets of one encoder get the same bytes of a broadcast.
func TestBroadcastsAreEncodedOnce(t *testing.T) {
	encoder := &phx.Encoder{Serializer: phx.V2()}
	a, b := newRig(t, socket.Config{Encoder: encoder}), newRig(t, socket.Config{Encoder: encoder})
	m := phx.NewBroadcast("t", "e", phx.Payload{})
	a.Broadcast(m)
	b.Broadcast(m)
	fa, _ := a.Next(nil)
	fb, _ := b.Next(nil)
	if &fa[0][0] != &fb[0][0] || !strings.Contains(string(fa[0]), `"e"`) {
		t.Errorf("two frames: %q and %q", fa, fb)
	}
}
