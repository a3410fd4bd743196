package phxclient

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

func TestHeartbeat(t *testing.T) {
	for _, tt := range []struct{ heartbeat, interval time.Duration }{{0, 30 * time.Second}, {time.Second, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			var beats []time.Duration
			start := time.Now()
			dial, stop := servePipes(t, func(p *peer) {
				for n := 1; n <= 3; n++ {
					if !p.expect(fmt.Sprintf(`[null,"%d","phoenix","heartbeat",{}]`, n)) {
						return
					}
					beats = append(beats, time.Since(start))
					if n < 3 && !p.send(fmt.Sprintf(`[null,"%d","phoenix","phx_reply",{"status":"ok","response":{}}]`, n)) {
						return
					}
				}
				if code := p.drain(); code != 1006 {
					t.Errorf("the client closed with %d, want a cut", code)
				}
			})
			c, err := Connect(t.Context(), "ws://pipe/socket", ClientOptions{
				Options: Options{DialContext: dial}, Heartbeat: tt.heartbeat,
			})
			if err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			if d := time.Since(start); d != 4*tt.interval {
				t.Errorf("ended after %v, want %v", d, 4*tt.interval)
			}
			stop()
			for i, got := range beats {
				if want := time.Duration(i+1) * tt.interval; got != want {
					t.Errorf("heartbeat %d after %v, want %v", i+1, got, want)
				}
			}
			if c.Err() != ErrNoHeartbeat {
				t.Errorf("got %v", c.Err())
			}
			c.Close()
			if c.Err() != ErrNoHeartbeat {
				t.Errorf("Close hides the reason: %v", c.Err())
			}
		})
	}
}

func TestNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := servePipes(t, func(p *peer) {
			if code := p.drain(); code != 1000 {
				t.Errorf("the client closed with %d, want 1000", code)
			}
		})
		defer stop()
		c, err := Connect(t.Context(), "ws://pipe/socket", ClientOptions{Options: Options{DialContext: dial}, Heartbeat: -1})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if c.Err() != nil {
			t.Errorf("the client has ended: %v", c.Err())
		}
		c.Close()
	})
}

// TestCloseWhileHeartbeatWaits: Close ends the heartbeat that waits for its
// answer, and that must not cut the connection before the close frame is out.
func TestCloseWhileHeartbeatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := servePipes(t, func(p *peer) {
			if code := p.drain(); code != 1000 {
				t.Errorf("the client closed with %d, want 1000", code)
			}
		})
		defer stop()
		c, err := Connect(t.Context(), "ws://pipe/socket", ClientOptions{Options: Options{DialContext: dial}, Heartbeat: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if waiting(c) != 1 {
			t.Error("no heartbeat is under way")
		}
		c.Close()
	})
}

func TestServerClosesClient(t *testing.T) {
	url := serve(t, func(p *peer) {
		if p.do(`> ["1","1","a","phx_join",{}]`,
			`< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`,
			`> ["1","2","a","x",{}]`,
			`< ["1",null,"a","last",{}]`) {
			p.closeWith(1012, "drain")
		}
	})
	c, err := Connect(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ch := join(t, c, "a")
	_, err = ch.Push(testContext(t), "x", phx.Payload{})
	var ce *CloseError
	if !errors.As(err, &ce) || ce.Code != 1012 || ce.Reason != "drain" {
		t.Fatalf("push: got %v", err)
	}
	<-c.Done()
	receive(t, ch, "last", "{}")
	receiveEnd(t, ch, ce)
	for what, got := range map[string]error{"client": c.Err(), "channel": ch.Err(), "leave": ch.Leave(testContext(t))} {
		if want := error(ce); what == "leave" && got != nil || what != "leave" && got != want {
			t.Errorf("%s: got %v", what, got)
		}
	}
	if _, _, err := c.Join(testContext(t), "b", phx.Payload{}); err != error(ce) {
		t.Errorf("join: got %v", err)
	}
}

func TestServerSendsNonsense(t *testing.T) {
	code := make(chan int, 1)
	url := serve(t, func(p *peer) {
		p.do(`> ["1","1","a","phx_join",{}]`, `< ["too short"]`)
		code <- p.drain()
	})
	c, err := Connect(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.Join(testContext(t), "a", phx.Payload{}); !errors.Is(err, ErrFrame) {
		t.Errorf("got %v", err)
	}
	if got := <-code; got != 1002 {
		t.Errorf("the client closed with %d, want 1002", got)
	}
}

func TestClientClose(t *testing.T) {
	code := make(chan int, 1)
	url := serve(t, func(p *peer) {
		p.do(`> ["1","1","a","phx_join",{}]`, `< ["1","1","a","phx_reply",{"status":"ok","response":{}}]`)
		code <- p.drain()
	})
	c, err := Connect(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ch := join(t, c, "a")
	result := make(chan error)
	go func() {
		_, err := ch.Push(testContext(t), "x", phx.Payload{})
		result <- err
	}()
	channeltest.Eventually(t, "a call waits", func() bool { return waiting(c) == 1 })
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(c.Close)
	}
	if err := <-result; err != ErrClosed {
		t.Errorf("push: got %v", err)
	}
	closing.Wait()
	if got := <-code; got != 1000 {
		t.Errorf("closed with %d, want 1000", got)
	}
	receiveEnd(t, ch, ErrClosed)
	if _, _, err := c.Join(testContext(t), "b", phx.Payload{}); err != ErrClosed {
		t.Errorf("join: got %v", err)
	}
	select {
	case <-c.Done():
	default:
		t.Error("Done is not closed")
	}
}
