package conversation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/phx"
)

// servers serves a channel that broadcasts what it is sent, on two nodes. What
// the dialogue does to them is noted.
func servers(t *testing.T, done *[]string) conversation.Target {
	t.Helper()
	c := hosttest.StartCluster(t, 2, host.Config{Routes: []host.Route{{Pattern: "room", Handler: channel.Funcs{
		JoinFunc:  func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Event == "say" { // the sender hears nothing, so it cannot tell when this has come
				return channel.Result{Do: []channel.Effect{channel.BroadcastFrom("said", phx.Payload{})}}, nil
			}
			return channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()}}})
	note := func(format string, args ...any) { *done = append(*done, fmt.Sprintf(format, args...)) }
	return conversation.Target{Busy: c.Busy, Cluster: &conversation.Cluster{
		URL:   func(node int) string { note("connect %d", node); return c.Node(node).Socket },
		Stop:  func(node int) { note("stop %d", node); c.Stop(t, node) },
		Start: func(node int) { note("start %d", node); c.Start(t, node) },
		Cut:   func() { note("cut"); c.Link.Cut() },
		Mend:  func() { note("mend"); c.Link.Mend() },
	}}
}

const joinedTwice = "nodes 2" + joined + `
b@2> ["1","1","room","phx_join",{}]
b@2< ["1","1","room","phx_reply",{"status":"ok","response":{}}]
`

// A dialogue of several nodes does what it says, in order, and notices what is
// not as it says.
func TestNodes(t *testing.T) {
	const say, said = `a> ["1",null,"room","say",{}]` + "\n", `b< [null,null,"room","said",{}]` + "\n"
	for _, d := range []struct{ name, text, want, done string }{
		{"as it is", joinedTwice + say + said, "", "connect 1, connect 2"},
		{"the other node first", strings.NewReplacer("a> ", "a@2> ", "b@2", "b@1").Replace(joinedTwice) + say + said, "", "connect 2, connect 1"},
		{"one frame more on another node", joinedTwice + say, "at the end nothing more should have come to b", ""},
		{"only while the link is there", joinedTwice + say + "link cut\n" + said + say + "link mend\n" + say + said, "", "connect 1, connect 2, cut, mend"},
		{"not while it is cut", joinedTwice + "link cut\n" + say + "link mend\n" + strings.Replace(say, "say", "ask", 1) + `a< [null,null,"room","ask",{}]` + "\n" + said, "line 13: b should have received", ""},
		{"a node stops", joinedTwice + "node 2 stop\nb closed 1012\n" + say, "", "connect 1, connect 2, stop 2"},
		{"a node stops, and that is overlooked", joinedTwice + "node 2 stop", "at the end", ""},
		{"a node starts anew", joinedTwice + "node 2 stop\nb closed 1012\nnode 2 start\n" + joinedTwice[strings.Index(joinedTwice, "b@2>"):] + say + said, "",
			"connect 1, connect 2, stop 2, start 2, connect 2"},
		{"a client stays where it is", joinedTwice + "b@1 close", "line 8: b is connected to node 2", ""},
	} {
		for _, version := range conversation.Versions() {
			t.Run(d.name+"/"+version, func(t *testing.T) {
				var done []string
				err := parse(t, d.text).Dialogues[0].Run(t.Context(), servers(t, &done), version)
				if d.want == "" && err != nil || d.want != "" && (err == nil || !strings.Contains(err.Error(), d.want)) {
					t.Errorf("err = %v, want one that says %q", err, d.want)
				}
				if got := strings.Join(done, ", "); d.done != "" && got != d.done {
					t.Errorf("what happened: %s, want %s", got, d.done)
				}
			})
		}
	}
}

// A server of one node cannot be taken apart, and does not pass for two.
func TestNodesOfAServerThatIsOne(t *testing.T) {
	for _, line := range []string{"link cut", "link mend", "node 2 stop", "node 1 start"} {
		err := parse(t, "nodes 2"+joined+line).Dialogues[0].Run(t.Context(), server(t), "v2")
		if err == nil || !strings.Contains(err.Error(), "the server was started as one node") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
