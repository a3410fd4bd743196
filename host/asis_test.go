package host_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// TestPayloadsPassAsTheyAre compares bytes where conversations compare values: a
// payload that a channel hands on is on the wire what it was on the wire,
// whatever language the channel is written in.
func TestPayloadsPassAsTheyAre(t *testing.T) {
	payloads := []string{
		`{}`,
		"{ \t\"spaces\" : [ 1 ,\r\n2 ] }",
		`{"numbers":[1.50,1.0e+2,-0,1e400,12345678901234567890123]}`,
		`{"twice":1,"twice":{"a":2},"twice":3}`,
		`{"escapes":"\u00e9é\/\ud83c\udf36🌶\u0041\ud800","\u0065scapes":"\u0000<>&` + "\u2028\x7f" + `"}`,
		`{"phx_reply":"]","quotes":"\\\"\\"}`,
		`{"long":"` + strings.Repeat("é", 8_000) + `"}`,
	}
	for _, c := range []struct {
		plugin, topic string
		events        []string
	}{
		{"echo", "echo:1", []string{"new:msg", "any"}},
		{"food", "foods:all", []string{"new:msg", "new:burrito", "user:joined", "cooked"}}, // broadcast, pushed, pushed on, broadcast
	} {
		file := &conversation.File{Routes: []conversation.Route{{Pattern: c.topic, Plugin: c.plugin}}}
		for _, kind := range kinds(t, file) {
			t.Run(c.plugin+"/"+kind, func(t *testing.T) {
				server := hosttest.Start(t, hostConfig(t, file, kind))
				for _, version := range []string{"1.0.0", "2.0.0"} {
					w := joinRaw(t, server.Socket, version, c.topic)
					for _, event := range c.events {
						for _, payload := range payloads {
							w.handOn(t, event, payload)
						}
					}
				}
			})
		}
	}
}

// raw is a client that has joined a topic and looks at bytes.
type raw struct {
	*phxclient.Conn
	version, topic string
}

func joinRaw(t *testing.T, url, version, topic string) *raw {
	t.Helper()
	conn, err := phxclient.Dial(t.Context(), url, phxclient.Options{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Abort)
	w := &raw{conn, version, topic}
	w.send(t, "phx_join", `{}`)
	if got := w.receive(t); !strings.Contains(got, `"ok"`) {
		t.Fatalf("joining %s: %s", topic, got)
	}
	return w
}

func (w *raw) send(t *testing.T, event, payload string) {
	t.Helper()
	frame := fmt.Sprintf(`["1","1",%q,%q,%s]`, w.topic, event, payload)
	if w.version == "1.0.0" {
		frame = fmt.Sprintf(`{"join_ref":"1","ref":"1","topic":%q,"event":%q,"payload":%s}`, w.topic, event, payload)
	}
	if err := w.Send(t.Context(), phx.Frame{Data: []byte(frame)}); err != nil {
		t.Fatal(err)
	}
}

func (w *raw) receive(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	f, err := w.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Data)
}

// handOn sends an event and looks for its payload in what comes back; an answer
// to the event is not looked into.
func (w *raw) handOn(t *testing.T, event, payload string) {
	t.Helper()
	w.send(t, event, payload)
	quoted := fmt.Sprintf("%q", event)
	got := w.receive(t)
	for strings.Contains(got, `"phx_reply"`) && !strings.Contains(got, quoted) { // of the event before
		got = w.receive(t)
	}
	if !strings.Contains(got, quoted) || !strings.Contains(got, payload) {
		t.Errorf("version %s: %s %.200s came back as %.300s", w.version, event, payload, got)
	}
}
