package socket_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// fill makes the channel of "t" busy and lets 1 MiB wait for it, the last frame
// of which has not come yet: one more byte and the reader pauses.
func fill(t *testing.T, r *rig) {
	t.Helper()
	r.receive(t, join("t"), `["1",null,"t","wait",{}]`)
	<-r.handler.entered
	for range 16 {
		r.receive(t, large(1<<16-socket.ItemCost))
	}
}

// large is a frame of so many bytes.
func large(size int) string {
	const frame = `["1",null,"t","quiet",{"x":""}]`
	return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
}

// HandleFrame blocks only while more than 1 MiB waits, and goes on as soon as
// the channels have caught up.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{})
		fill(t, r) // 1 MiB does not block
		var returned atomic.Bool
		go func() {
			r.receive(t, `["1","2","t","socket",{}]`)
			returned.Store(true)
		}()
		synctest.Wait()
		if returned.Load() {
			t.Error("HandleFrame returned although more than 1 MiB waits")
		}
		r.handler.resume <- struct{}{}
		synctest.Wait()
		if !returned.Load() {
			t.Fatal("HandleFrame did not go on")
		}
		r.expect(t, joined("t"), `["1","2","t","phx_reply",{"status":"ok","response":{}}]`)
	})
}

// The bound is on all channels together: the reader goes on when one of them has
// caught up far enough, although another stands still.
func TestBackPressureOfTwoChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{})
		r.receive(t, join("t"), join("u"), `["1",null,"t","wait",{}]`)
		<-r.handler.entered
		r.receive(t, `["1",null,"u","wait too",{}]`)
		<-r.handler.entered
		for range 8 {
			frame := large(1<<16 - socket.ItemCost)
			r.receive(t, frame, strings.Replace(frame, `"t"`, `"u"`, 1))
		}
		var returned atomic.Bool
		go func() {
			r.receive(t, large(100))
			returned.Store(true)
		}()
		synctest.Wait()
		if returned.Load() {
			t.Error("HandleFrame returned although more than 1 MiB waits")
		}
		r.handler.resumeToo <- struct{}{}
		synctest.Wait()
		if !returned.Load() {
			t.Error("HandleFrame did not go on")
		}
		r.handler.resume <- struct{}{}
	})
}

// Messages that are small are bounded too: what holds them takes more than they do.
func TestBackPressureOfSmallMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{})
		const topics = 16
		sent := 0
		send := func() error {
			for n := range topics {
				topic := fmt.Sprintf(`"t%d"`, n)
				r.receive(t, strings.Replace(join("t"), `"t"`, topic, 1), `["1",null,`+topic+`,"wait",{}]`)
				<-r.handler.entered
				for range channel.MailboxEvents {
					if err := r.HandleFrame(t.Context(), text(`["1",null,`+topic+`,"quiet",{}]`)); err != nil {
						return err
					}
					sent++
				}
			}
			return nil
		}
		result := make(chan error, 1)
		go func() { result <- send() }()
		synctest.Wait()
		if len(result) != 0 || sent < 1<<20/(socket.ItemCost+50) || sent > 1<<20/socket.ItemCost {
			t.Errorf("%d messages were taken", sent)
		}
		r.Close(socket.End{Code: socket.CloseGoingAway}, channel.LeaveClosed)
		if err := <-result; !errors.Is(err, socket.ErrClosed) {
			t.Error(err)
		}
		close(r.handler.resume)
	})
}

// What clients send in one go fits behind a message that is slow: a hundred in a
// body of long-polling, and more of what they have kept until they were joined.
func TestABurstFits(t *testing.T) {
	r := newRig(t, socket.Config{})
	r.receive(t, join("t"), `["1",null,"t","wait",{}]`)
	<-r.handler.entered
	want := []string{joined("t")}
	for n := range 250 {
		r.receive(t, fmt.Sprintf(`["1",%d,"t","socket",{}]`, n))
		want = append(want, fmt.Sprintf(`["1",%d,"t","phx_reply",{"status":"ok","response":{}}]`, n))
	}
	r.handler.resume <- struct{}{}
	r.expect(t, want...)
}

func TestBackPressureEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{})
		fill(t, r)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- r.HandleFrame(ctx, text(large(100))) }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("HandleFrame: %v, want the context's error", err)
		}
		// The frame was taken all the same, and later ones block and go on as ever.
		go func() { result <- r.HandleFrame(t.Context(), text(`["1","2","t","socket",{}]`)) }()
		synctest.Wait()
		if len(result) != 0 {
			t.Error("HandleFrame did not block again")
		}
		r.handler.resume <- struct{}{}
		if err := <-result; err != nil {
			t.Errorf("HandleFrame: %v", err)
		}
		r.expect(t, joined("t"), `["1","2","t","phx_reply",{"status":"ok","response":{}}]`)
	})
}

func TestCloseWakesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{})
		fill(t, r)
		result := make(chan error, 1)
		go func() { result <- r.HandleFrame(t.Context(), text(large(100))) }()
		synctest.Wait()
		r.Close(socket.End{Code: socket.CloseServiceRestart}, channel.LeaveShutdown)
		if err := <-result; !errors.Is(err, socket.ErrClosed) {
			t.Errorf("HandleFrame: %v, want ErrClosed", err)
		}
		r.handler.resume <- struct{}{}
		r.expectEnd(t, socket.CloseServiceRestart, joined("t"))
		r.expectLeft(t, channel.LeaveShutdown)
	})
}

// Frames that are refused, or answered at once, do not count: a socket whose
// channel is full is not paused by them.
func TestRefusedFramesDoNotCount(t *testing.T) {
	r := newRig(t, socket.Config{})
	r.receive(t, join("t"), `["1",null,"t","wait",{}]`)
	<-r.handler.entered
	for range channel.MailboxEvents {
		r.receive(t, `["1",null,"t","quiet",{}]`)
	}
	for range 40 {
		r.receive(t, strings.Replace(large(1<<16), `"quiet"`, `"phx_join"`, 1))          // overloaded
		r.receive(t, large(1<<16))                                                       // overloaded
		r.receive(t, strings.Replace(large(1<<16), `"t"`, `"u"`, 1))                     // not joined
		r.receive(t, strings.Replace(large(1<<16), `"t","quiet"`, `"u","phx_leave"`, 1)) // not joined
	}
	r.handler.resume <- struct{}{}
}

// Sixteen channels with a backlog each: the reader is woken again and again, and
// nothing is forgotten.
func TestBackPressureStress(t *testing.T) {
	r := newRig(t, socket.Config{Outbox: 1 << 30})
	topics := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, topic := range topics {
		r.receive(t, join(topic))
	}
	sent := 0
	for n := range 120 {
		frame := strings.Replace(large(60_000), `"t","quiet"`, `"`+topics[n%len(topics)]+`","echo"`, 1)
		r.receive(t, strings.Replace(frame, `null`, `"9"`, 1))
		sent++
	}
	r.settle(t)
	got, _ := r.written()
	replies := 0
	for _, f := range got {
		if strings.Contains(f[:40], `"9"`) {
			replies++
		}
	}
	if replies != sent {
		t.Errorf("%d of %d events were answered", replies, sent)
	}
}

// A join that races with the end of the socket leaves nothing behind: whoever
// was let in is told to leave.
func TestNoJoinSurvivesTheClose(t *testing.T) {
	for range 500 {
		r := newRig(t, socket.Config{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, topic := range []string{"a", "b", "c", "a"} {
				if err := r.HandleFrame(context.Background(), text(join(topic))); err != nil && !errors.Is(err, socket.ErrClosed) {
					t.Error(err)
				}
			}
		})
		wg.Go(func() { r.Close(socket.End{Code: socket.CloseGoingAway}, channel.LeaveKicked) })
		wg.Wait()
		r.settle(t)
		for _, topic := range []string{"a", "b", "c"} {
			if got := r.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: topic}); got != 0 {
				t.Fatalf("%d subscribers of %s are left", got, topic)
			}
		}
		for _, kind := range r.handler.left() {
			if kind != channel.LeaveKicked && kind != channel.LeaveReplaced {
				t.Fatalf("leave was told %d", kind)
			}
		}
		if err := r.HandleFrame(t.Context(), text(join("d"))); !errors.Is(err, socket.ErrClosed) {
			t.Fatalf("a join after the end: %v", err)
		}
	}
}

// The same, where the end comes in the midst of the join.
func TestCloseInTheMidstOfAJoin(t *testing.T) {
	var r *rig
	h := newHandler().channel()
	r = newRig(t, socket.Config{Route: func(topic string) (channel.Handler, bool) {
		if topic == "late" {
			r.Close(socket.End{Code: socket.CloseGoingAway}, channel.LeaveKicked)
		}
		return h, true
	}})
	r.receive(t, join("t"))
	if err := r.HandleFrame(t.Context(), text(join("late"))); !errors.Is(err, socket.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	r.settle(t)
	for _, topic := range []string{"t", "late"} {
		if got := r.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: topic}); got != 0 {
			t.Errorf("%d subscribers of %s are left", got, topic)
		}
	}
}

// Every channel of a socket is told why it ended, once, however many ends there
// are.
func TestCloseTellsEveryChannel(t *testing.T) {
	r := newRig(t, socket.Config{})
	r.receive(t, join("a"), join("b"), join("no"), join("c"), `["1",null,"c","phx_leave",{}]`)
	r.settle(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { r.Close(socket.End{Code: socket.CloseGoingAway}, channel.LeaveKicked) })
	}
	wg.Wait()
	r.settle(t)
	if got := r.handler.left(); !slices.Equal(got, []channel.LeaveKind{channel.LeaveLeft, channel.LeaveKicked, channel.LeaveKicked}) {
		t.Errorf("leave was called for %v", got)
	}
}
