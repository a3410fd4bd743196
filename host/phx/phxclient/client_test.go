package phxclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// connect connects to a server that follows the lines (see peer.do) and then
// waits for the client to go.
func connect(t *testing.T, o ClientOptions, lines ...string) *Client {
	t.Helper()
	url := serve(t, func(p *peer) {
		p.do(lines...)
		p.drain()
	})
	c, err := Connect(testContext(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func join(t *testing.T, c *Client, topic string) *Channel {
	t.Helper()
	ch, _, err := c.Join(testContext(t), topic, phx.Payload{})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// receive expects the next message to have the given event and payload.
func receive(t *testing.T, ch *Channel, event, payload string) {
	t.Helper()
	m, err := ch.Receive(testContext(t))
	if err != nil || m.Event != event || string(m.Payload.Data()) != payload {
		t.Errorf("got %s %s, error %v, want %s %s", m.Event, m.Payload.Data(), err, event, payload)
	}
}

func receiveEnd(t *testing.T, ch *Channel, want error) {
	t.Helper()
	for range 2 {
		if m, err := ch.Receive(testContext(t)); !errors.Is(err, want) {
			t.Errorf("got %+v, error %v, want %v", m, err, want)
		}
	}
}

func TestConversation(t *testing.T) {
	scripts := map[string][]string{
		"2.0.0": {
			`> ["1","1","rooms:1","phx_join",{"name":"a"}]`,
			`< ["1","1","rooms:1","phx_reply",{"status":"ok","response":{"n":1}}]`,
			`< ["1",null,"rooms:1","hello",{}]`,
			`> ["1","2","rooms:1","new:msg",{"b":1}]`,
			`< [null,null,"rooms:1","new:msg",{"b":1}]`,
			`< ["1","2","rooms:1","phx_reply",{"status":"ok","response":[1]}]`,
			`> ["1","3","rooms:1","nope",{}]`,
			`< ["1","3","rooms:1","phx_reply",{"status":"error","response":{"reason":"unhandled event"}}]`,
			`> ["1","4","rooms:1","quiet",{}]`,
			`> ["1","5","rooms:1","phx_leave",{}]`,
			`< ["1","5","rooms:1","phx_reply",{"status":"ok","response":{}}]`,
			`< ["1","1","rooms:1","phx_close",{}]`,
			`> ["6","6","rooms:1","phx_join",{}]`,
			`< ["6","6","rooms:1","phx_reply",{"status":"ok","response":{}}]`,
		},
		"1.0.0": {
			`> {"topic":"rooms:1","event":"phx_join","payload":{"name":"a"},"ref":"1","join_ref":"1"}`,
			`< {"topic":"rooms:1","event":"phx_reply","payload":{"status":"ok","response":{"n":1}},"ref":"1"}`,
			`< {"topic":"rooms:1","event":"hello","payload":{},"ref":null}`,
			`> {"topic":"rooms:1","event":"new:msg","payload":{"b":1},"ref":"2","join_ref":"1"}`,
			`< {"topic":"rooms:1","event":"new:msg","payload":{"b":1},"ref":null}`,
			`< {"topic":"rooms:1","event":"phx_reply","payload":{"status":"ok","response":[1]},"ref":"2"}`,
			`> {"topic":"rooms:1","event":"nope","payload":{},"ref":"3","join_ref":"1"}`,
			`< {"topic":"rooms:1","event":"phx_reply","payload":{"status":"error","response":{"reason":"unhandled event"}},"ref":"3"}`,
			`> {"topic":"rooms:1","event":"quiet","payload":{},"ref":"4","join_ref":"1"}`,
			`> {"topic":"rooms:1","event":"phx_leave","payload":{},"ref":"5","join_ref":"1"}`,
			`< {"topic":"rooms:1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"5"}`,
			`> {"topic":"rooms:1","event":"phx_join","payload":{},"ref":"6","join_ref":"6"}`,
			// The old channel's close comes late and is not the new one's.
			`< {"topic":"rooms:1","event":"phx_close","payload":{},"ref":"1"}`,
			`< {"topic":"rooms:1","event":"phx_error","payload":{},"ref":"1"}`,
			`< {"topic":"rooms:1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"6"}`,
		},
	}
	for version, script := range scripts {
		t.Run(version, func(t *testing.T) {
			c := connect(t, ClientOptions{Options: Options{Version: version}}, script...)
			ctx := testContext(t)
			ch, response, err := c.Join(ctx, "rooms:1", channeltest.Object(`{"name":"a"}`))
			if err != nil || string(response.Data()) != `{"n":1}` || ch.Topic() != "rooms:1" {
				t.Fatalf("join: got %s, %v", response.Data(), err)
			}
			if _, _, err := c.Join(ctx, "rooms:1", phx.Payload{}); err != ErrJoined {
				t.Errorf("a second join: %v", err)
			}
			receive(t, ch, "hello", "{}")
			reply, err := ch.Push(ctx, "new:msg", channeltest.Object(`{"b":1}`))
			if err != nil || reply.Status != phx.StatusOK || string(reply.Payload.Data()) != "[1]" {
				t.Errorf("push: got %+v, %v", reply, err)
			}
			receive(t, ch, "new:msg", `{"b":1}`)
			reply, err = ch.Push(ctx, "nope", phx.Payload{})
			if err != nil || reply.Status != phx.StatusError || string(reply.Payload.Data()) != `{"reason":"unhandled event"}` {
				t.Errorf("push: got %+v, %v", reply, err)
			}
			if err := ch.Send(ctx, "quiet", phx.Payload{}); err != nil {
				t.Error(err)
			}
			if err := ch.Leave(ctx); err != nil {
				t.Error(err)
			}
			receiveEnd(t, ch, ErrLeft)
			if err := ch.Leave(ctx); err != nil {
				t.Errorf("a second leave: %v", err)
			}
			if _, err := ch.Push(ctx, "x", phx.Payload{}); err != ErrLeft {
				t.Errorf("push after leave: %v", err)
			}
			if err := ch.Send(ctx, "x", phx.Payload{}); err != ErrLeft {
				t.Errorf("send after leave: %v", err)
			}
			if again := join(t, c, "rooms:1"); again.Err() != nil {
				t.Errorf("the new channel ended: %v", again.Err())
			}
		})
	}
}

func TestBinary(t *testing.T) {
	c := connect(t, ClientOptions{},
		`> ["1","1","rooms:lobby","phx_join",{}]`,
		`< ["1","1","rooms:lobby","phx_reply",{"status":"ok","response":{}}]`,
		`> !AAEBCwQxMnJvb21zOmxvYmJ5ZWNobwECAw==`,
		`< !AgsHcm9vbXM6bG9iYnluZXc6bXNn/wA=`,
		`< !AQEBCwIxMnJvb21zOmxvYmJ5b2sBAgM=`)
	ch := join(t, c, "rooms:lobby")
	reply, err := ch.Push(testContext(t), "echo", phx.Bytes([]byte{1, 2, 3}))
	if err != nil || !reply.Payload.IsBinary() || !bytes.Equal(reply.Payload.Data(), []byte{1, 2, 3}) {
		t.Errorf("got %+v, %v", reply, err)
	}
	receive(t, ch, "new:msg", "\xff\x00")

	v1 := connect(t, ClientOptions{Options: Options{OmitVersion: true}})
	if _, _, err := v1.Join(testContext(t), "rooms:lobby", phx.Bytes(nil)); !errors.Is(err, phx.ErrNoBinary) {
		t.Errorf("bytes in version 1: %v", err)
	}
}

func TestRefusedJoin(t *testing.T) {
	c := connect(t, ClientOptions{},
		`> ["1","1","rooms:1","phx_join",{}]`,
		`< ["1","1","rooms:1","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`,
		`> ["2","2","rooms:1","phx_join",{}]`,
		`< ["2","2","rooms:1","phx_reply",{"status":"error","response":{"code":7}}]`)
	for _, want := range []struct{ text, reason string }{
		{`phxclient: join of "rooms:1" refused: "unauthorized"`, "unauthorized"},
		{`phxclient: join of "rooms:1" refused`, ""},
	} {
		_, _, err := c.Join(testContext(t), "rooms:1", phx.Payload{})
		var re *RefusedError
		if !errors.As(err, &re) || err.Error() != want.text || re.Reason() != want.reason || re.Topic != "rooms:1" {
			t.Errorf("got %v, want %s", err, want.text)
		}
	}
}

func TestServerEndsChannel(t *testing.T) {
	c := connect(t, ClientOptions{},
		`> ["1","1","a","phx_join",{}]`,
		`< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`,
		`> ["2","2","b","phx_join",{}]`,
		`< ["2","2","b","phx_reply",{"status":"ok","response":{}}]`,
		`> ["1","3","a","crash",{}]`,
		`< ["1",null,"a","before",{}]`,
		`< ["1","1","a","phx_error",{"reason":"channel_crash"}]`,
		`> ["4","4","a","phx_join",{}]`,
		`< ["1",null,"a","stale",{}]`,
		`< ["1","1","a","phx_close",{}]`,
		`< ["4","4","a","phx_reply",{"status":"ok","response":{}}]`,
		`< ["4",null,"a","fresh",{}]`,
		`< ["4","4","a","phx_close",{}]`,
		`< [null,null,"a","nobody is there",{}]`,
		`< ["2",null,"b","still here",{}]`)
	a, b := join(t, c, "a"), join(t, c, "b")
	_, err := a.Push(testContext(t), "crash", phx.Payload{})
	var ce *CrashedError
	if !errors.As(err, &ce) || ce.Topic != "a" || ce.Reason() != "channel_crash" ||
		err.Error() != `phxclient: the channel "a" failed on the server (phx_error): "channel_crash"` {
		t.Errorf("push: got %v", err)
	}
	receive(t, a, "before", "{}")
	receiveEnd(t, a, ce)
	if a.Err() != err {
		t.Errorf("Err: got %v", a.Err())
	}
	if err := a.Leave(testContext(t)); err != nil {
		t.Errorf("leave of an ended channel: %v", err)
	}
	again := join(t, c, "a")
	receive(t, again, "fresh", "{}")
	receiveEnd(t, again, ErrChannelClosed)
	receive(t, b, "still here", "{}")
	if b.Err() != nil || c.Err() != nil {
		t.Errorf("the end of one channel ended others: %v, %v", b.Err(), c.Err())
	}
}

// TestJoinGivenUp: a join that is not answered in time is followed by a leave,
// and its late reply means nothing.
func TestJoinGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := servePipes(t, func(p *peer) {
			p.do(`> ["1","1","slow","phx_join",{}]`,
				`> ["1","2","slow","phx_leave",{}]`,
				`< ["1","1","slow","phx_reply",{"status":"ok","response":{}}]`,
				`< ["1","2","slow","phx_reply",{"status":"ok","response":{}}]`,
				`> ["3","3","slow","phx_join",{}]`,
				`< ["1","1","slow","phx_close",{}]`,
				`< ["3","3","slow","phx_reply",{"status":"ok","response":{}}]`,
				// A leave whose context has ended is sent all the same.
				`> ["3","4","slow","phx_leave",{}]`)
			p.drain()
		})
		defer stop()
		c, err := Connect(t.Context(), "ws://pipe/socket", ClientOptions{Options: Options{DialContext: dial}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, _, err := c.Join(ctx, "slow", phx.Payload{}); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		ch, _, err := c.Join(t.Context(), "slow", phx.Payload{})
		if err != nil {
			t.Fatal(err)
		}
		if err := ch.Leave(ctx); err != context.DeadlineExceeded {
			t.Errorf("leave: %v", err)
		}
		if ch.Err() != ErrLeft {
			t.Errorf("after leaving: %v", ch.Err())
		}
	})
}

// TestPushGivenUp: the channel lives on, and the late reply goes nowhere.
func TestPushGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := servePipes(t, func(p *peer) {
			p.do(`> ["1","1","a","phx_join",{}]`,
				`< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`,
				`> ["1","2","a","slow",{}]`,
				`> ["1","3","a","fast",{}]`,
				`< ["1","2","a","phx_reply",{"status":"ok","response":{"late":true}}]`,
				`< ["1","3","a","phx_reply",{"status":"ok","response":{"fast":true}}]`)
			p.drain()
		})
		defer stop()
		c, err := Connect(t.Context(), "ws://pipe/socket", ClientOptions{Options: Options{DialContext: dial}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ch := join(t, c, "a")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := ch.Push(ctx, "slow", phx.Payload{}); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		if waiting(c) != 0 {
			t.Error("the call is still there")
		}
		reply, err := ch.Push(t.Context(), "fast", phx.Payload{})
		if err != nil || string(reply.Payload.Data()) != `{"fast":true}` {
			t.Errorf("got %+v, %v", reply, err)
		}
	})
}

func waiting(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

func overflowing(t *testing.T, o Overflow) (*Client, *Channel) {
	lines := []string{
		`> ["1","1","a","phx_join",{}]`,
		`< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`,
		`> ["1","2","a","flood",{}]`,
	}
	for n := range 10 {
		lines = append(lines, fmt.Sprintf(`< ["1",null,"a","n",{"n":%d}]`, n))
	}
	lines = append(lines,
		`< ["1","2","a","phx_reply",{"status":"ok","response":{}}]`,
		`> ["1","3","a","phx_leave",{}]`,
		`< ["1","3","a","phx_reply",{"status":"ok","response":{}}]`)
	c := connect(t, ClientOptions{Queue: 3, Overflow: o}, lines...)
	ch := join(t, c, "a")
	// The reader does not wait for the channel: the reply comes through.
	if _, err := ch.Push(testContext(t), "flood", phx.Payload{}); err != nil {
		t.Fatal(err)
	}
	return c, ch
}

func TestOverflowFail(t *testing.T) {
	c, ch := overflowing(t, OverflowFail)
	for n := range 3 {
		receive(t, ch, "n", fmt.Sprintf(`{"n":%d}`, n))
	}
	receiveEnd(t, ch, ErrOverflow)
	if ch.Dropped() != 7 {
		t.Errorf("dropped %d, want 7", ch.Dropped())
	}
	if ch.Err() != nil || c.Err() != nil {
		t.Errorf("an overflow ended more than the queue: %v, %v", ch.Err(), c.Err())
	}
	if err := ch.Leave(testContext(t)); err != nil {
		t.Error(err)
	}
	receiveEnd(t, ch, ErrOverflow)
}

func TestOverflowDropOldest(t *testing.T) {
	_, ch := overflowing(t, OverflowDropOldest)
	for n := 7; n < 10; n++ {
		receive(t, ch, "n", fmt.Sprintf(`{"n":%d}`, n))
	}
	if ch.Dropped() != 7 {
		t.Errorf("dropped %d, want 7", ch.Dropped())
	}
	if err := ch.Leave(testContext(t)); err != nil {
		t.Error(err)
	}
	receiveEnd(t, ch, ErrLeft)
}

func TestConnectRefusesUnknownVersions(t *testing.T) {
	_, err := Connect(testContext(t), "ws://unused", ClientOptions{Options: Options{Version: "3.0.0"}})
	if !errors.Is(err, phx.ErrVersion) {
		t.Errorf("got %v", err)
	}
}

func TestBadNames(t *testing.T) {
	c := connect(t, ClientOptions{},
		`> ["1","1","a","phx_join",{}]`,
		`< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`)
	ch, ctx := join(t, c, "a"), testContext(t)
	_, _, joinErr := c.Join(ctx, "", phx.Payload{})
	_, pushErr := ch.Push(ctx, "a\nb", phx.Payload{})
	if sendErr := ch.Send(ctx, "\xff", phx.Payload{}); !errors.Is(joinErr, phx.ErrNameLength) ||
		!errors.Is(pushErr, phx.ErrNameControl) || !errors.Is(sendErr, phx.ErrNotUTF8) {
		t.Errorf("got %v, %v, %v", joinErr, pushErr, sendErr)
	}
}

// TestManyAtOnce: channels and goroutines share a client; each gets its own
// replies, and each channel its own messages in order.
func TestManyAtOnce(t *testing.T) {
	const channels, pushers, pushes = 8, 4, 50
	url := serve(t, func(p *peer) {
		for {
			_, data, err := p.ws.ReadMessage()
			if err != nil {
				return
			}
			var m [5]json.RawMessage
			if err := json.Unmarshal(data, &m); err != nil {
				t.Errorf("server: %v", err)
				return
			}
			if string(m[3]) == `"echo"` {
				p.send(fmt.Sprintf(`[null,null,%s,"echoed",%s]`, m[2], m[4]))
			}
			p.send(fmt.Sprintf(`[%s,%s,%s,"phx_reply",{"status":"ok","response":%s}]`, m[0], m[1], m[2], m[4]))
		}
	})
	c, err := Connect(testContext(t), url, ClientOptions{Queue: pushers * pushes})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var running sync.WaitGroup
	for n := range channels {
		ch := join(t, c, fmt.Sprintf("t:%d", n))
		for k := range pushers {
			running.Go(func() {
				for i := range pushes {
					body := fmt.Sprintf(`{"ch":%d,"by":%d,"i":%d}`, n, k, i)
					reply, err := ch.Push(testContext(t), "echo", channeltest.Object(body))
					if err != nil || string(reply.Payload.Data()) != body {
						t.Errorf("got %s, %v, want %s", reply.Payload.Data(), err, body)
						return
					}
				}
			})
		}
		running.Go(func() {
			var next [pushers]int
			for range pushers * pushes {
				m, err := ch.Receive(testContext(t))
				var body struct{ Ch, By, I int }
				if err == nil {
					err = json.Unmarshal(m.Payload.Data(), &body)
				}
				if err != nil || body.Ch != n || body.I != next[body.By] {
					t.Errorf("channel %d got %s, %v", n, m.Payload.Data(), err)
					return
				}
				next[body.By]++
			}
		})
	}
	running.Wait()
}
