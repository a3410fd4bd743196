package phx_test

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
)

// A V2 frame of 160 bytes, as chats send it.
const frame160 = `["3","42","rooms:lobby","new:msg",{"user":"Zoë","body":"The quick brown fox jumps over the lazy dog, and again.","at":1700000000123,"tags":["a","b"],"x":true}]`

func BenchmarkDecode(b *testing.B) {
	text := phx.Frame{Data: []byte(frame160)}
	if len(text.Data) != 160 {
		b.Fatalf("the frame has %d bytes", len(text.Data))
	}
	for _, c := range []struct {
		name string
		s    phx.Serializer
		f    phx.Frame
	}{
		{"v2", phx.V2(), text},
		{"v1", phx.V1(), phx.Frame{Data: []byte(`{"topic":"rooms:lobby","event":"new:msg","payload":` + frame160[strings.Index(frame160, "{"):159] + `,"ref":"42","join_ref":"3"}`)}},
		{"v2escaped", phx.V2(), phx.Frame{Data: []byte(strings.Replace(frame160, "lobby", `l\u006fbby`, 1))}},
		{"v2invalid", phx.V2(), phx.Frame{Data: text.Data[:159]}},
		{"v2binary", phx.V2(), phx.Frame{Data: []byte(header(0, strings.Repeat("x", 128), "3", "42", "rooms:lobby", "new:msg")), Binary: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.f.Data)))
			b.ReportAllocs()
			began := hosttest.CPUTime()
			for b.Loop() {
				_, _ = c.s.Decode(c.f)
			}
			b.ReportMetric(float64((hosttest.CPUTime()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkCheckJSON(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"chat", frame160},
		{"text", `{"body":"` + strings.Repeat("The quick brown fox. ", 200) + `"}`},
		{"japanese", `{"body":"` + strings.Repeat("いろはにほへと", 200) + `"}`},
		{"numbers", `[` + strings.Repeat(`-12.5e3,12345,`, 300) + `0]`},
		{"objects", `[` + strings.Repeat(`{"id":1,"name":"abc","on":true,"tags":[]},`, 100) + `{}]`},
		{"spaces", `[` + strings.Repeat("\n        1,", 400) + `0]`},
		{"brackets", `[` + strings.Repeat(`[[[[[[[[]]]]]]]],`, 240) + `0]`},
		{"escapes", `"` + strings.Repeat(`\n\u00e9`, 500) + `"`},
	} {
		b.Run(c.name, func(b *testing.B) {
			data := []byte(c.text)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := phx.CheckJSON(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	p := object(b, frame160[strings.Index(frame160, "{"):159])
	m := &phx.Message{JoinRef: `"3"`, Topic: "rooms:lobby", Event: "new:msg", Payload: p}
	r := &phx.Reply{JoinRef: `"3"`, Ref: `"42"`, Topic: "rooms:lobby", Status: phx.StatusOK, Payload: p}
	for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
		e := &phx.Encoder{Serializer: s}
		shared := phx.NewBroadcast("rooms:lobby", "new:msg", p)
		for _, c := range []struct {
			name   string
			encode func() ([]byte, error)
		}{
			{"push", func() ([]byte, error) { return e.Message(m) }},
			{"reply", func() ([]byte, error) { return e.Reply(r) }},
			{"broadcast", func() ([]byte, error) { return e.Broadcast(phx.NewBroadcast("rooms:lobby", "new:msg", p)) }},
			{"sharedbroadcast", func() ([]byte, error) { return e.Broadcast(shared) }},
		} {
			b.Run(s.Version()+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.encode(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
