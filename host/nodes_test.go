package host_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/pubsub"
)

// What clients see of several nodes is in testdata/conversations/nodes.txt; here
// is what the operator sees of a link that does not work.

// A broadcast that stays on its node is a line in the log, without its payload.
func TestLinkThatIsDown(t *testing.T) {
	var log channeltest.Log
	c := hosttest.StartCluster(t, 2, host.Config{
		Logger: log.Logger(), Routes: []host.Route{{Pattern: "echo", Handler: natives()["echo"]}},
	})
	a := dial(t, c.Node(1), phxclient.Options{})
	a.join("echo")
	const line = "a broadcast did not reach the other nodes"
	for i, broken := range []bool{false, true, false} {
		if broken {
			c.Link.Cut()
		} else {
			c.Link.Mend()
		}
		before := log.Count(line)
		a.send(`["1","2","echo","secret",{"a":"hidden"}]`)
		a.expect(`[null,null,"echo","secret",{"a":"hidden"}]`)
		a.expect(`["1","2","echo","phx_reply",{"status":"ok","response":{}}]`)
		if got := log.Count(line) - before; got != 1 && broken || got != 0 && !broken {
			t.Errorf("broadcast %d: %d lines in the log:\n%s", i+1, got, &log)
		}
	}
	if log.Count("topic=echo event=secret err=\""+pubsub.ErrDown.Error()) != 1 || log.Count("hidden") != 0 {
		t.Errorf("the log is\n%s", &log)
	}
}

// hopeless is an adapter that cannot do its work.
type hopeless struct{ err error }

func (h hopeless) Publish(pubsub.Topic, *phx.Broadcast) error { return pubsub.ErrDown }

func (h hopeless) Run(context.Context, func(pubsub.Topic, *phx.Broadcast)) error { return h.err }

// A node whose adapter gives up says so and goes on alone, also if the adapter
// does not say why.
func TestAdapterThatGivesUp(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{{errors.New("no licence"), "no licence"}, {nil, pubsub.ErrEnded.Error()}} {
		var log channeltest.Log
		s := hosttest.Start(t, host.Config{
			Logger: log.Logger(), PubSub: hopeless{c.err}, Routes: []host.Route{{Pattern: "echo", Handler: natives()["echo"]}},
		})
		channeltest.Eventually(t, "a line about the link", func() bool { return log.Count("the link to the other nodes ended") == 1 })
		if log.Count(c.want) != 1 {
			t.Errorf("the log is\n%s", &log)
		}
		a := dial(t, s, phxclient.Options{})
		a.join("echo")
		a.send(`["1",null,"echo","x",{}]`)
		a.expect(`[null,null,"echo","x",{}]`)
	}
}

// wild is an adapter that delivers what a test gives it.
type wild chan *phx.Broadcast

func (wild) Publish(pubsub.Topic, *phx.Broadcast) error { return nil }

func (w wild) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	for {
		select {
		case b := <-w:
			deliver(pubsub.Topic{Namespace: "default", Name: "echo"}, b)
		case <-ctx.Done():
			return nil
		}
	}
}

// What panics on an adapter's goroutine does not end the process: neither a
// subscriber of the application, which costs nobody else the broadcast, nor what an
// adapter that is wrong delivers.
func TestPanicsOnTheLink(t *testing.T) {
	var log channeltest.Log
	w := make(wild)
	s := hosttest.Start(t, host.Config{
		Logger: log.Logger(), PubSub: w, Routes: []host.Route{{Pattern: "echo", Handler: natives()["echo"]}},
	})
	if _, err := s.Subscribe("echo", func(*phx.Broadcast) { panic("the application's bug") }); err != nil {
		t.Fatal(err)
	}
	a := dial(t, s, phxclient.Options{})
	a.join("echo")
	w <- nil
	w <- phx.NewBroadcast("echo", "x", phx.Payload{})
	a.expect(`[null,null,"echo","x",{}]`)
	a.send(`["1","2","echo","y",{}]`) // also on a sender's goroutine
	a.expect(`[null,null,"echo","y",{}]`)
	a.expect(`["1","2","echo","phx_reply",{"status":"ok","response":{}}]`)
	if n := log.Count("BUG: panic in a delivery from another node"); n != 1 {
		t.Errorf("%d lines about what the adapter delivered:\n%s", n, &log)
	}
	if n := log.Count("the application's bug"); n != 2 {
		t.Errorf("%d lines about the subscriber:\n%s", n, &log)
	}
}
