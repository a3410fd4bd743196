package socket_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
)

// busy returns a socket that is joined to a and b, with a message to a that is being
// handled and one behind it. What joins are answered is taken out.
func busy(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, socket.Config{})
	r.receive(t, join("a"), join("b"))
	r.settle(t)
	r.written()
	r.receive(t, `["1","2","a","wait",{}]`)
	<-r.handler.entered
	r.receive(t, `["1","3","a","echo",{}]`)
	return r
}

// TestDrainAnswers guards that what a client has sent before its turn in a drain came
// is answered before it is told to go, and so is what it sends meanwhile: handlers
// carried it out, and the answers were dropped, so that clients waited for them until
// they gave up.
func TestDrainAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := busy(t)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			socket.Drain(t.Context(), time.Second, []*socket.Socket{r.Socket})
		}()
		synctest.Wait()
		r.receive(t, `["1","4","b","echo",{}]`, `["1","5","a","wait",{}]`)
		synctest.Wait()
		if frames, end := r.written(); end != nil || !slices.Equal(frames, echoed("b", "4")) {
			t.Errorf("while a handler is busy the socket sent %q, and its end is %v", frames, end)
		}
		begin := time.Now()
		r.handler.resume <- struct{}{}
		<-r.handler.entered // of the second round
		if frames, end := r.written(); end != nil || !slices.Equal(frames, echoed("a", "3")) {
			t.Errorf("behind the first round the socket sent %q, and its end is %v", frames, end)
		}
		r.receive(t, `["1","6","a","echo",{}]`)
		r.handler.resume <- struct{}{}
		<-drained
		if took := time.Since(begin); took != 0 {
			t.Errorf("behind the answers the drain took %v", took)
		}
		r.expectEnd(t, socket.CloseServiceRestart, echoed("a", "6")...)
		r.expectLeft(t, channel.LeaveShutdown, channel.LeaveShutdown)
	})
}

// echoed is what a client is sent for an event that is echoed.
func echoed(topic, ref string) []string {
	return []string{`["1",null,"` + topic + `","echo",{}]`, `["1","` + ref + `","` + topic + `","phx_reply",{"status":"ok","response":{}}]`}
}

// A handler that does not come to its end keeps the client for two seconds, and for a
// quarter of the time that is left if that is less, and nobody else.
func TestDrainHasLittlePatience(t *testing.T) {
	for _, tc := range []struct{ left, want time.Duration }{{time.Hour, 2 * time.Second}, {4 * time.Second, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tc.left)
			defer cancel()
			r, idle := busy(t), newRig(t, socket.Config{})
			begin := time.Now()
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				socket.Drain(ctx, 0, []*socket.Socket{r.Socket, idle.Socket})
			}()
			synctest.Wait()
			idle.expectEnd(t, socket.CloseServiceRestart)
			<-drained
			if took := time.Since(begin); took != tc.want {
				t.Errorf("with %v left it took %v, want %v", tc.left, took, tc.want)
			}
			if frames, end := r.written(); end == nil || end.Code != socket.CloseServiceRestart || len(frames) > 0 {
				t.Errorf("the busy client was sent %q, and its end is %v", frames, end)
			}
			r.handler.resume <- struct{}{}
			r.settle(t)
			r.expectLeft(t, channel.LeaveShutdown, channel.LeaveShutdown)
		})
	}
}

// Who goes by himself meanwhile is not waited for, and neither is anybody once the
// context has ended.
func TestDrainDoesNotWaitForThoseWhoGo(t *testing.T) {
	for name, leave := range map[string]func(r *rig, cancel func()){
		"the connection is cut": func(r *rig, _ func()) { r.Close(socket.End{}, channel.LeaveClosed) },
		"the context ends":      func(_ *rig, cancel func()) { cancel() },
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := busy(t)
			begin := time.Now()
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				socket.Drain(ctx, 0, []*socket.Socket{r.Socket})
			}()
			synctest.Wait()
			leave(r, cancel)
			<-drained
			if took := time.Since(begin); took != 0 {
				t.Errorf("%s: it took %v", name, took)
			}
			r.handler.resume <- struct{}{}
			r.settle(t)
			if frames, end := r.written(); end == nil || strings.Contains(strings.Join(frames, ""), "phx_reply") {
				t.Errorf("%s: the socket sent %q, and its end is %v", name, frames, end)
			}
		})
	}
}
