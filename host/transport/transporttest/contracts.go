package transporttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
)

// The names of contracts that tests of the suite speak of.
const (
	acceptsOnce   = "each connection is asked about once, and speaks the version it asked for"
	refusalsLeave = "what is refused leaves nothing, and nobody is asked before the version and the origin"
	inOrder       = "what is sent arrives whole and in order"
	oneReader     = "one client's frames are handled one at a time, in its order"
	bytesContract = "bytes go to clients that take them"
	tooLarge      = "a frame over the limit ends the socket with 1009"
	toldWhy       = "a client is told why its socket ended, behind what waited"
	openSocket    = "a socket is found by its name while it is open"
	slowClient    = "a slow client blocks nobody and is cut off"
	readerWaits   = "the reader waits while the socket has no room"
	goneClient    = "a client that goes is noticed"
	shutdownTells = "Shutdown tells every client, and lets nobody in"
	shutdownEnds  = "Shutdown ends with its context"
	panicContract = "a panic costs one connection"
)

func contracts() []contract {
	return []contract{
		{name: acceptsOnce, check: checkAccept},
		{name: refusalsLeave, check: checkRefused},
		{name: inOrder, outbox: 64 << 20, check: checkOrder},
		{name: oneReader, sends: true, check: checkOneReader},
		{name: bytesContract, check: checkBytes},
		{name: tooLarge, sends: true, maxFrame: 1000, check: checkTooLarge},
		{name: toldWhy, sends: true, check: checkToldWhy},
		{name: openSocket, check: checkOpen},
		{name: slowClient, outbox: 256 << 10, check: checkSlowClient},
		{name: readerWaits, sends: true, check: checkReaderWaits},
		{name: goneClient, check: checkGone},
		{name: shutdownTells, check: checkShutdown},
		{name: shutdownEnds, outbox: 64 << 20, check: checkShutdownEnds},
		{name: panicContract, sends: true, check: checkPanic},
	}
}

func checkAccept(r *rig) error {
	v1 := `{"topic":"t","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}`
	for i, c := range []struct{ vsn, join, joined string }{
		{"2.0.0", joinFrame(Topic), joinedFrame(Topic)},
		{"1.0.0", `{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`, v1},
		{"", `{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`, v1},
	} {
		client, err := r.dial(c.vsn, nil)
		if err != nil {
			return fmt.Errorf("version %q: %w", c.vsn, err)
		}
		if err := errors.Join(r.send(client, c.join), r.expect(client, c.joined)); err != nil {
			return fmt.Errorf("version %q: %w", c.vsn, err)
		}
		if n := r.accepted.Load(); n != int64(i+1) {
			return fmt.Errorf("after %d connections Accept was called %d times", i+1, n)
		}
	}
	return nil
}

func checkRefused(r *rig) error {
	for _, c := range []struct {
		what, vsn, origin string
		err               error
		asked             int64
	}{
		{what: "an unknown version", vsn: "3.0.0"},
		{what: "an origin that is not allowed", vsn: "2.0.0", origin: "https://elsewhere.example"},
		{what: "what Accept refuses", vsn: "2.0.0", err: errors.New("no"), asked: 1},
		{what: "what Accept refuses with a status", vsn: "2.0.0", err: &socket.RefusedError{Status: http.StatusServiceUnavailable}, asked: 2},
	} {
		r.refuse.Store(nil)
		if c.err != nil {
			r.refuse.Store(&c.err)
		}
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		if _, err := r.dial(c.vsn, header); err == nil {
			return fmt.Errorf("%s was accepted", c.what)
		}
		if n := r.accepted.Load(); n != c.asked {
			return fmt.Errorf("%s: Accept was called %d times so far, want %d", c.what, n, c.asked)
		}
	}
	r.refuse.Store(nil)
	_, err := r.join()
	return err
}

func numbered(n int) phx.Payload { return channeltest.JSON(fmt.Sprintf(`{"n":%d}`, n)) }

func numberedFrame(event string, n int) string {
	return fmt.Sprintf(`[null,null,"t",%q,{"n":%d}]`, event, n)
}

// checkOrder sends many, some of them large, and one with everything that JSON may
// have in it.
func checkOrder(r *rig) error {
	c, err := r.join()
	if err != nil {
		return err
	}
	odd := "{ \"a\" :\n\t\"\\\"\\\\ \\u0000 \u2028 é 🌶 </script>\" ,\r\n \"data: \": [ ] }"
	large := `{"a":"` + strings.Repeat("x", 300<<10) + `"}`
	const count = 2000
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := range count {
			r.broadcast("n", numbered(n))
			if n%500 == 0 {
				r.broadcast("odd", channeltest.JSON(odd))
				r.broadcast("large", channeltest.JSON(large))
			}
		}
	}()
	defer func() { <-sent }()
	for n := range count {
		if err := r.expect(c, numberedFrame("n", n)); err != nil {
			return err
		}
		if n%500 == 0 {
			if err := r.expect(c, `[null,null,"t","odd",`+odd+`]`, `[null,null,"t","large",`+large+`]`); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkOneReader joins topics that lead nowhere, whose routes are asked for by the
// reader alone.
func checkOneReader(r *rig) error {
	c, err := r.dial("2.0.0", nil)
	if err != nil {
		return err
	}
	var readers, most atomic.Int64
	route := func(string) {
		if n := readers.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(time.Millisecond) // long enough to meet another one
		readers.Add(-1)
	}
	r.route.Store(&route)
	const count = 50
	var want []string
	sent := make(chan error, 1)
	go func() {
		var err error
		for n := range count {
			if err == nil {
				err = r.send(c, fmt.Sprintf(`["1","%d","nowhere","phx_join",{}]`, n))
			}
		}
		sent <- err
	}()
	for n := range count {
		want = append(want, unmatchedFrame(fmt.Sprint(n), "nowhere"))
	}
	if err := errors.Join(r.expect(c, want...), <-sent); err != nil {
		return err
	}
	// Sent all at once, they come in any order, but still one at a time.
	var sending []chan error
	for range count {
		done := make(chan error, 1)
		sending = append(sending, done)
		go func() { done <- r.send(c, `["1","1","nowhere","phx_join",{}]`) }()
	}
	for _, done := range sending {
		if err := errors.Join(<-done, r.expect(c, unmatchedFrame("1", "nowhere"))); err != nil {
			return err
		}
	}
	if most.Load() != 1 {
		return fmt.Errorf("%d frames of one client were handled at a time", most.Load())
	}
	return nil
}

func checkBytes(r *rig) error {
	c, err := r.join()
	if err != nil {
		return err
	}
	data := "\x00\xff\n[]"
	r.broadcast("bytes", phx.Bytes([]byte(data)))
	r.broadcast("n", numbered(1))
	if !r.adapter.NoBytes {
		f, err := r.receive(c)
		if want := "\x02\x01\x05tbytes" + data; err != nil || !f.Binary || string(f.Data) != want {
			return fmt.Errorf("the client should have received the bytes %q, not %q (%w)", want, f.Data, err)
		}
	}
	if err := r.expect(c, numberedFrame("n", 1)); err != nil || r.adapter.ReadOnly {
		return err
	}
	ctx, cancel := r.patient()
	defer cancel()
	if err := c.Send(ctx, phx.Frame{Data: []byte("\x00\x01\x01\x01\x0519tbytes" + data), Binary: true}); err != nil {
		return err
	}
	if !r.adapter.NoBytes {
		f, err := r.receive(c)
		if want := "\x00\x01\x01\x051tbytes" + data; err != nil || !f.Binary || string(f.Data) != want {
			return fmt.Errorf("the client should have received the bytes %q, not %q (%w)", want, f.Data, err)
		}
	}
	return errors.Join(r.send(c, heartbeat), r.expect(c, beatReply))
}

func checkTooLarge(r *rig) error {
	c, err := r.join()
	if err != nil {
		return err
	}
	frame := func(size int) string {
		const begin, end = `["1","2","t","echo",{"a":"`, `"}]`
		return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
	}
	if err := errors.Join(r.send(c, frame(1000)), r.expect(c, `["1",null,"t","echo",{"a":"`+strings.Repeat("x", 971)+`"}]`)); err != nil {
		return err
	}
	_ = r.send(c, frame(1001)) // the client may be told before it is done
	return errors.Join(r.expectEnd(c, socket.CloseTooBig), r.expectLeft(channel.LeaveClosed))
}

func checkToldWhy(r *rig) error {
	for i, c := range []struct {
		frames []string
		code   int
	}{
		{[]string{"[\"\xff\"]"}, socket.CloseNotUTF8},
		{[]string{"[", "[", "[", "[", "[", "[", "[", "[", "[", "["}, socket.ClosePolicyViolation},
	} {
		client, err := r.join()
		if err != nil {
			return err
		}
		// Behind the join's reply a channel may still hold broadcasts back; behind the
		// next event it does not.
		echoed := errors.Join(r.send(client, `["1","2","t","echo",{}]`), r.expect(client, `["1",null,"t","echo",{}]`))
		if echoed != nil {
			return echoed
		}
		r.broadcast("n", numbered(1))
		r.broadcast("n", numbered(2))
		for _, f := range c.frames {
			_ = r.send(client, f) // the last ones may be too late
		}
		if err := r.expect(client, numberedFrame("n", 1), numberedFrame("n", 2)); err != nil {
			return err
		}
		want := []channel.LeaveKind{channel.LeaveClosed, channel.LeaveClosed}[:i+1]
		if err := errors.Join(r.expectEnd(client, c.code), r.expectLeft(want...)); err != nil {
			return err
		}
		if _, err := r.receive(client); err == nil {
			return errors.New("a client received something after the end")
		}
	}
	return nil
}

// checkOpen disconnects by name, first nobody, then everybody, one of whom has
// gone before.
func checkOpen(r *rig) error {
	end := socket.End{Code: socket.CloseGoingAway, Reason: "disconnected"}
	var clients []Client
	for range 3 {
		client, err := r.join()
		if err != nil {
			return err
		}
		clients = append(clients, client)
	}
	if n := r.sockets.Close("another", end, channel.LeaveKicked); n != 0 {
		return fmt.Errorf("%d sockets go by a name that is not theirs", n)
	}
	clients[0].Abort()
	if err := r.noticeGone(clients[1:]...); err != nil {
		return err
	}
	if n := r.sockets.Close(socketName, end, channel.LeaveKicked); n != 2 {
		return fmt.Errorf("%d sockets were found by their name, want the two that are open", n)
	}
	for _, client := range clients[1:] {
		if err := r.expectEnd(client, socket.CloseGoingAway); err != nil {
			return err
		}
	}
	return r.expectLeft(channel.LeaveClosed, channel.LeaveKicked, channel.LeaveKicked)
}

// checkSlowClient sends to a client that does not receive until it is cut off, and
// to one beside it that does.
func checkSlowClient(r *rig) error {
	slow, err := r.join()
	if err != nil {
		return err
	}
	payload := func(n int) phx.Payload {
		return channeltest.JSON(fmt.Sprintf(`{"n":%d,"a":"%s"}`, n, strings.Repeat("x", 32<<10)))
	}
	begin := time.Now()
	count := 0
	for ; len(r.left()) == 0; count++ {
		if time.Since(begin) > r.patience {
			return fmt.Errorf("a client that receives nothing was sent %d frames of 32 KiB and not cut off", count)
		}
		r.broadcast("n", payload(count))
	}
	// What it receives now has no gap, and then it is told.
	for n := 0; ; n++ {
		f, err := r.receive(slow)
		if err != nil {
			var closed *phxclient.CloseError
			if !errors.As(err, &closed) || closed.Code != socket.CloseTryAgainLater {
				return fmt.Errorf("the slow client should have been told 1013 after %d frames, but: %w", n, err)
			}
			break
		}
		if !strings.HasPrefix(string(f.Data), fmt.Sprintf(`[null,null,"t","n",{"n":%d,`, n)) {
			return fmt.Errorf("the slow client's frame %d is %.60q", n, f.Data)
		}
	}
	return r.expectLeft(channel.LeaveClosed)
}

// checkReaderWaits fills the mailboxes of a channel that waits. What is behind must
// not be handled before it goes on.
func checkReaderWaits(r *rig) error {
	c, err := r.join()
	if err != nil {
		return err
	}
	other, err := r.join()
	if err != nil {
		return err
	}
	if err := r.send(c, `["1","2","t","wait",{}]`); err != nil {
		return err
	}
	if err := r.eventually("the handler", func() bool { return r.waiting.Load() == 1 }); err != nil {
		return err
	}
	var resumed, early atomic.Bool
	handled := make(chan struct{}, 1)
	route := func(topic string) {
		if topic == "nowhere" {
			early.Store(!resumed.Load())
			handled <- struct{}{}
		}
	}
	r.route.Store(&route)
	sent := make(chan error, 1)
	go func() {
		large := `["1","3","t","quiet",{"a":"` + strings.Repeat("x", 250<<10) + `"}]`
		sent <- errors.Join(r.send(c, large, large, large, large, large, large), r.send(c, `["1","4","nowhere","phx_join",{}]`))
	}()
	for range 20 { // others are served meanwhile, which gives a reader that does not wait the time to show it
		if err := errors.Join(r.send(other, heartbeat), r.expect(other, beatReply)); err != nil {
			return err
		}
	}
	resumed.Store(true)
	r.resume <- struct{}{}
	if err := errors.Join(r.expect(c, unmatchedFrame("4", "nowhere")), <-sent); err != nil {
		return err
	}
	<-handled
	if early.Load() {
		return errors.New("a frame was handled while more than 1 MiB was waiting before it")
	}
	return nil
}

func checkGone(r *rig) error {
	c, err := r.join()
	if err != nil {
		return err
	}
	stays, err := r.join()
	if err != nil {
		return err
	}
	c.Abort()
	if err := r.noticeGone(stays); err != nil {
		return err
	}
	if err := r.eventually("what the client held to be given back", func() bool { return r.held.Load() == 1 }); err != nil {
		return err
	}
	r.broadcast("n", numbered(1))
	return errors.Join(r.expect(stays, numberedFrame("n", 1)), r.expectLeft(channel.LeaveClosed))
}

// noticeGone waits until the first client that has gone was noticed.
func (r *rig) noticeGone(stay ...Client) error {
	return r.eventually("leave to be called", func() bool {
		if r.adapter.Idle != nil && len(r.left()) == 0 && !r.adapter.ReadOnly {
			// Who stays shows it, however much time passes.
			for _, c := range stay {
				_ = errors.Join(r.send(c, heartbeat), r.expect(c, beatReply))
			}
			r.adapter.Idle(r.transport)
		}
		return len(r.left()) > 0
	})
}

func checkShutdown(r *rig) error {
	const count = 10
	var clients []Client
	var want []channel.LeaveKind
	for range count {
		c, err := r.join()
		if err != nil {
			return err
		}
		clients = append(clients, c)
		want = append(want, channel.LeaveShutdown)
	}
	ctx, cancel := r.patient()
	defer cancel()
	received := make([]chan error, count)
	for i, c := range clients {
		received[i] = make(chan error, 1)
		go func() { received[i] <- r.expectEnd(c, socket.CloseServiceRestart) }()
	}
	if err := r.shutdown(ctx); err != nil {
		return err
	}
	for _, done := range received {
		if err := <-done; err != nil {
			return err
		}
	}
	if err := r.expectLeft(want...); err != nil {
		return err
	}
	if _, err := r.dial("2.0.0", nil); err == nil {
		return errors.New("a connection was accepted after Shutdown")
	}
	if err := r.shutdown(ctx); err != nil {
		return fmt.Errorf("the second one: %w", err)
	}
	return nil
}

// checkShutdownEnds shuts down with a context that has ended, and with clients that
// take nothing.
func checkShutdownEnds(r *rig) error {
	for range 3 {
		if _, err := r.join(); err != nil {
			return err
		}
	}
	large := channeltest.JSON(`{"a":"` + strings.Repeat("x", 512<<10) + `"}`)
	for range 24 { // more than the system takes
		r.broadcast("large", large)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	if err := r.shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return r.expectLeft(channel.LeaveShutdown, channel.LeaveShutdown, channel.LeaveShutdown)
}

func checkPanic(r *rig) error {
	unlucky, err := r.join()
	if err != nil {
		return err
	}
	other, err := r.join()
	if err != nil {
		return err
	}
	route := func(topic string) {
		if topic == "panic" {
			panic("for a test")
		}
	}
	r.route.Store(&route)
	_ = r.send(unlucky, joinFrame("panic")) // which may not be answered
	if err := errors.Join(r.expectEnd(unlucky, socket.CloseInternalError), r.expectLeft(channel.LeaveClosed)); err != nil {
		return err
	}
	if r.log.Count("BUG") == 0 {
		return errors.New("nothing was logged")
	}
	return errors.Join(r.send(other, heartbeat), r.expect(other, beatReply))
}
