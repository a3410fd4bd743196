package wasm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// TestRelay holds one conversation with a guest and with the same in Go: what
// the contract says of timers, other topics, later replies, upgrades and
// connections, from the client's frame through the guest and back.
func TestRelay(t *testing.T) {
	for _, native := range []bool{true, false} {
		t.Run(fmt.Sprintf("native %v", native), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { converse(t, relays(t, native)) })
		})
	}
}

// relays makes the versions of the relay.
func relays(t *testing.T, native bool) func(seq int) channel.Handler {
	if native {
		return func(seq int) channel.Handler { return channeltest.Relay(fmt.Sprintf("relay@%d", seq)) }
	}
	e := newTestEngine(t, Config{})
	return func(seq int) channel.Handler {
		p, err := e.Compile(t.Context(), Module{Name: "relay", Seq: seq, Binary: guest(t, "served/relay"), Rotate: true})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func converse(t *testing.T, version func(seq int) channel.Handler) {
	node := channeltest.NewNode(t, channel.Config{})
	first := version(1)
	connect := func(payload string) string {
		res, err := node.Env.Connect(t.Context(), func() (channel.Handler, bool) { return first, true }, &channel.Event{Payload: channeltest.Object(payload)})
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprintf("%d %s %s", res.Status, res.Reply.Status, res.Reply.Payload.Data())
		for _, e := range res.Do {
			said += " " + string(e.Assigns())
		}
		return said
	}
	for payload, want := range map[string]string{
		`{"params":{}}`:                   `0 ok {"id":"users:jo"} {"user":"jo"}`,
		`{"params":{"who":"intruder"}}`:   `1 error {"reason":"unauthorized"}`,
		`{"params":{"who":"an intrude"}}`: `0 ok {"id":"users:jo"} {"user":"jo"}`,
	} {
		if got := connect(payload); got != want {
			t.Errorf("connect with %s: %s, want %s", payload, got, want)
		}
	}

	c := node.Client(t, "relay:1", first, channel.Options{SocketAssigns: []byte(`{"user":"jo"}`)})
	ref := 0
	// says sends an event, waits, and wants these frames.
	says := func(event, payload string, wait time.Duration, want ...string) {
		t.Helper()
		ref++
		if event != "" {
			c.Send(t, fmt.Sprintf(`["1","%d","relay:1",%q,%s]`, ref, event, payload))
		}
		time.Sleep(wait)
		synctest.Wait()
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "REF", fmt.Sprint(ref))
		}
		if got := c.Rest(); !slices.Equal(got, want) {
			t.Errorf("after %s and %v:\n\t%s\nwant\n\t%s", event, wait, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
	reply := func(response string) string {
		return `["1","REF","relay:1","phx_reply",{"status":"ok","response":` + response + `}]`
	}
	push := func(event, payload string) string { return fmt.Sprintf(`["1",null,"relay:1",%q,%s]`, event, payload) }
	says("phx_join", `{}`, 0, reply("{}"))
	says("unknown", `{}`, 0, `["1","REF","relay:1","phx_reply",{"status":"error","response":{"reason":"unknown event"}}]`)
	says("whoami", `{}`, 0, reply(`{"user":"jo"}`))
	says("later", `{"n": 1}`, 999*time.Millisecond)
	ref--
	says("", "", time.Millisecond, reply(`{"n": 1}`))
	says("tick", `{"é":"☃"}`, 4999*time.Millisecond, reply("{}"))
	says("", "", 10*time.Second, push("tick", `{"é":"☃"}`), push("tick", `{"é":"☃"}`))
	says("tell", `{"n":2}`, 0, reply("{}"))
	says("listen", `{}`, 0, reply("{}"))
	says("tell", `{"n":3}`, 0, reply("{}"), push("told", `{"n":3}`))
	node.Broadcast("relay:news", "else", `{"n":4}`)
	says("", "", 0, push("else", `{"n":4}`))

	second := version(2)
	c.Handler = second
	moved, err := node.Env.Replace(t.Context(), first, second, nil)
	if err != nil || moved.Channels != 1 {
		t.Errorf("moving: %+v, %v", moved, err)
	}
	says("", "", 0, push("upgraded", `{"from":"relay@1"}`))
	node.Broadcast("relay:news", "else", `{"n":5}`)
	says("", "", 2*time.Millisecond, push("else", `{"n":5}`), push("tick", `{"é":"☃"}`))
	says("stop", `{}`, time.Minute, reply("{}"))
	says("mute", `{}`, 0, reply("{}"))
	says("tell", `{"n":6}`, 0, reply("{}"))
	says("tick", `{}`, 0, reply("{}"))
	says("phx_leave", `{}`, time.Hour, reply("{}"), `["1","1","relay:1","phx_close",{}]`)
	node.Settle(t)
	if text := node.Log.String(); text != "" {
		t.Errorf("the log is\n%s", text)
	}
}
