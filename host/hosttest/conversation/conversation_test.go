package conversation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/phx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const joined = `
== it
a> ["1","1","room","phx_join",{}]
a< ["1","1","room","phx_reply",{"status":"ok","response":{}}]
`

func parse(t *testing.T, text string) *conversation.File {
	t.Helper()
	f, err := conversation.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// server serves a channel that pushes what it is sent, tells the time, and has a
// timer, with a clock of its own.
func server(t *testing.T) conversation.Target {
	t.Helper()
	clock := conversation.NewClock(begin())
	tick := channel.SendAfter(1, 3*time.Second, "tick", phx.Payload{})
	tell := func(ev *channel.Event) channel.Effect {
		return channel.Push("time", channeltest.Object(fmt.Sprintf(`{"after":%q}`, ev.Now.Sub(begin()))))
	}
	s := hosttest.Start(t, host.Config{Now: clock.Now, AfterFunc: clock.AfterFunc, Routes: []host.Route{{Pattern: "room", Handler: channel.Funcs{
		AcceptBinary: true,
		JoinFunc:     func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			do := channel.Push(ev.Event, ev.Payload)
			switch ev.Event {
			case "time":
				do = tell(ev)
			case "tick":
				do = tick
			}
			return channel.Result{Do: []channel.Effect{do}}, nil
		},
		HandleInfoFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{tell(ev), tick}}, nil
		},
	}.Handler()}}})
	return conversation.Target{URL: s.Socket, Clock: clock, Busy: s.Busy}
}

// difference is a dialogue and what its error says, nothing if it is what happens.
type difference struct{ name, text, want string }

func check(t *testing.T, version string, differences []difference) {
	t.Helper()
	for _, d := range differences {
		t.Run(d.name+"/"+version, func(t *testing.T) {
			err := parse(t, d.text).Dialogues[0].Run(t.Context(), server(t), version)
			switch {
			case d.want == "" && err != nil:
				t.Error(err)
			case d.want != "" && (err == nil || !strings.Contains(err.Error(), d.want)):
				t.Errorf("err = %v, want one that says %q", err, d.want)
			}
		})
	}
}

// TestRunNoticesEveryDifference guards the guard: a dialogue that is not what
// happens has to fail, and the error names the line.
func TestRunNoticesEveryDifference(t *testing.T) {
	const push, close = `a> ["1","2","room","x",{"a":1,"b":[2.0]}]` + "\n", "a v1> \"\\xff\"\na v2> \"\\xff\"\n"
	for _, version := range conversation.Versions() {
		check(t, version, []difference{
			{"as it is", joined, ""},
			{"keys in any order", joined + push + `a< ["1",null,"room","x",{"b":[2.0],"a":1}]`, ""},
			{"another status", strings.Replace(joined, `"ok"`, `"error"`, 1), "line 4"},
			{"another number", joined + push + `a< ["1",null,"room","x",{"a":1.0,"b":[2.0]}]`, "line 6"},
			{"one frame more", joined + push, "at the end"},
			{"not closed", joined + push + "a closed 1000", "should have been closed"},
			{"closed", joined + close + "a closed 1007", ""},
			{"another code", joined + close + "a closed 1008", "with code 1008, not 1007"},
			{"closed, one more", joined + close, "at the end"},
			{"closed, a frame should have come", joined + close + push + `a< ["1",null,"room","x",{}]`, "line 8: a should have received\n\t"},
		})
	}
}

// TestPatience: a frame that does not come is waited for as long as the target
// says. What comes may take that long too, so a busy machine gets more.
func TestPatience(t *testing.T) {
	target := server(t)
	d := parse(t, joined+`a< ["1",null,"room","x",{}]`).Dialogues[0]
	for _, version := range conversation.Versions() {
		for target.Patience = 50 * time.Millisecond; ; target.Patience *= 2 {
			err := d.Run(t.Context(), target, version)
			if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("nothing came within %v", target.Patience)) {
				t.Errorf("%s: err = %v", version, err)
			} else if !strings.HasPrefix(err.Error(), "line 5: a should have received\n\t") && target.Patience < conversation.Patience {
				continue
			}
			break
		}
	}
}

// Raw frames are sent and compared to the byte, in runs of their version only.
func TestRawFrames(t *testing.T) {
	const text = `v2> ["1","2","room","x",{ }, 7]
a v2< ["1",null,"room","x",{ }]
b v1> {"event":"phx_join","ref":1,"topic":"room","payload":{}}
b v1< {"topic":"room","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":1}
a v1> {"event":"x","ref":2,"topic":"room","payload":{ }}
v1< {"topic":"room","event":"x","payload":{ },"ref":null}
`
	for _, version := range conversation.Versions() {
		spaces := strings.NewReplacer(`"x",{ }]`, `"x",{}]`, `"payload":{ },"ref":null`, `"payload":{},"ref":null`).Replace(text)
		check(t, version, []difference{
			{"raw", joined + text, ""},
			{"one space less", joined + spaces, "but received\n\t"},
			{"one frame more", joined + text + "v1> {\"topic\":\"room\",\"event\":\"x\",\"payload\":{},\"ref\":1}\nv2> [\"1\",2,\"room\",\"x\",{}]", "at the end"},
			{"nothing that can be answered", joined + "v1> hello\nv2> hello\nv1>\nv2>\nv1b> AA==\nv2b> AA==", ""},
			{"topic of a raw frame only", "== it\nv1> {\"topic\":\"room\",\"event\":\"phx_join\",\"payload\":{},\"ref\":1}\nv2> [1,1,\"room\",\"phx_join\",{}]\n" +
				"a< [1,1,\"room\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]\na> [null,2,\"room\",\"x\",{}]", "at the end"},
			{"long", joined + "v1> {\"topic\":\"room\",\"event\":\"x\",\"payload\":{\"x\":\"%{y*50000}\"},\"ref\":1}\nv1< {\"topic\":\"room\",\"event\":\"x\",\"payload\":{\"x\":\"%{y*40000}z%{y*9999}\"},\"ref\":null}\n" +
				"v2> [\"1\",1,\"room\",\"x\",{\"x\":\"%{y*50000}\"}]\nv2< [\"1\",null,\"room\",\"x\",{\"x\":\"%{y*40000}z%{y*9999}\"}]", "which is another from byte 400"},
		})
	}
}

// Bytes are those of version 2.
func TestBytes(t *testing.T) {
	const push, pushed = "a v2b> AAEBBAExMnJvb214AQID\n", "AAEEATFyb29teAECAw=="
	check(t, "v2", []difference{
		{"bytes", joined + push + "a v2b< " + pushed, ""},
		{"a is left out", joined + push[2:] + "v2b< " + pushed, ""},
		{"as a Go string", joined + `v2b> "\x00\x01\x01\x04\x0112roomx\x01\x02\x03"` + "\n" + `v2b< "\x00\x01\x04\x011roomx\x01\x02\x03"`, ""},
		{"other bytes", joined + push + "v2b< AAEEATFyb29teAECBA==", "but received\n\t" + pushed},
		{"text should have come", joined + push + `a< ["1",null,"room","x",{}]`, "but received\n\t" + pushed + ", the bytes \"\\x00\\x01"},
		{"raw text should have come", joined + push + `v2< "\x00\x01\x04\x011roomx\x01\x02\x03"`, "but received\n\t" + pushed},
		{"bytes should have come", joined + `a> ["1","2","room","x",{}]` + "\nv2b< AA==", "line 6"},
		{"one more", joined + push, "at the end"},
		{"topic of bytes only", "== it\nv2b> AAABBAgxcm9vbXBoeF9qb2lu", "at the end"},
	})
	check(t, "v1", []difference{{"only in version 2", joined + push + "a v2b< " + pushed, ""}})
}

// Without a line "at" no time passes; with one, timers run when they are due, and
// what was sent before is done before.
func TestTime(t *testing.T) {
	for _, version := range conversation.Versions() {
		check(t, version, []difference{
			{"stands still", joined + `a> ["1",null,"room","time",{}]` + "\n" + `a< ["1",null,"room","time",{"after":"0s"}]`, ""},
			{"is moved", joined + "at 1500ms\n" + `a> ["1",null,"room","time",{}]` + "\n" + `a< ["1",null,"room","time",{"after":"1.5s"}]`, ""},
			{"of what was sent before", joined + `a> ["1",null,"room","time",{}]` + "\nat 1m\n" + `a< ["1",null,"room","time",{"after":"0s"}]`, ""},
			{"moves timers", joined + `a> ["1",null,"room","tick",{}]` + "\nat 10s\n" + `a< ["1",null,"room","time",{"after":"3s"}]
				a< ["1",null,"room","time",{"after":"6s"}]
				a< ["1",null,"room","time",{"after":"9s"}]
				at 11s
				at 12s
				a< ["1",null,"room","time",{"after":"12s"}]`, ""},
			{"moves timers of those who left", joined + `a> ["1",null,"room","tick",{}]` + "\na close\nat 10s", ""},
			{"one more", joined + `a> ["1",null,"room","tick",{}]` + "\nat 3s", "at the end"},
			{"timers that are not due", joined + `a> ["1",null,"room","tick",{}]` + "\nat 2999ms", ""},
			{"of one version", joined + "v1 at 1s\nv2 at 2s\n" + `a> ["1",null,"room","time",{}]
				v1 a< ["1",null,"room","time",{"after":"1s"}]
				v2 a< ["1",null,"room","time",{"after":"2s"}]`, ""},
			{"after a close", joined + "a v1> \"\\xff\"\na v2> \"\\xff\"\nat 1s\na closed 1007", ""},
			{"after a close that nobody expects", joined + "a v1> \"\\xff\"\na v2> \"\\xff\"\nat 1s", "at the end"},
		})
	}
}

// TestNoClock guards that a dialogue with times does not pass, nor hang, against
// a server whose clock nobody moves.
func TestNoClock(t *testing.T) {
	target := server(t)
	target.Clock = nil
	err := parse(t, joined+"at 1s").Dialogues[0].Run(t.Context(), target, "v2")
	if err == nil || !strings.Contains(err.Error(), "line 5: the clock cannot be moved") {
		t.Errorf("%v", err)
	}
	// Without Busy the server is at rest when it has read everything.
	target = server(t)
	target.Busy = nil
	if err := parse(t, joined+"at 1s").Dialogues[0].Run(t.Context(), target, "v2"); err != nil {
		t.Error(err)
	}
}

// TestVersionsSeeDifferentFrames guards that version 1 is really spoken: without
// join_ref, in objects.
func TestVersionsSeeDifferentFrames(t *testing.T) {
	d := parse(t, joined+`v1 a> ["1","2","room","one",{}]
v1 a< ["never compared",null,"room","one",{}]
v2 a> ["1","2","room","two",{}]
v2 a< ["1",null,"room","two",{}]
`).Dialogues[0]
	for _, version := range conversation.Versions() {
		if err := d.Run(t.Context(), server(t), version); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no dialogue",
		"serve a:* food":                        "no dialogue",
		"serve food":                            "line 1",
		"now yesterday":                         "line 1: \"yesterday\" is not a time",
		"channels many":                         "line 1: \"many\" is not a number",
		"channels 0":                            "line 1",
		"== it\n# v1> x\n== that\nv1> x":        "line 1: the dialogue \"it\" says nothing",
		"at 5s":                                 "line 1: expected serve",
		"== it\na: []":                          "line 2: expected a> FRAME",
		"== it\na> [1,2]":                       "line 2",
		"== it\na> {}":                          "line 2",
		"== it\n\na closed abc":                 "line 3",
		"== it\nv3 a> [null,null,\"\",\"\",{}]": "line 2",
		"== it\na v3> x":                        "line 2",
		"== it\nv1 a v1> x":                     "line 2",
		"== it\nv2b> A":                         "line 2: \"A\" is neither base64 nor a Go string",
		"== it\nv2> \"a":                        "line 2: \"a is not a Go string",
		"== it\nv1b< AA==":                      "line 2: a client of version 1 receives no bytes",
		"== it\nat":                             "line 2: expected a> FRAME",
		"== it\nat soon":                        "line 2: \"soon\" is not a duration",
		"== it\nat -1s":                         "line 2: \"-1s\" is not a duration",
		"== it\nat 5s\nat 5s\nat 4s":            "line 4: at 4s is before at 5s in line 2",
		"== it\nv1 at 5s\nat 4s":                "line 3: at 4s is before",
		"== it\nv2> %{x*3}%{y":                  "line 2: %{ begins a repetition",
		"== it\nv2> %{x*-3}":                    "line 2: %{ begins a repetition",
		"== it\nv2> %{xx*1048577}":              "line 2: %{xx*1048577} is more than 2 MiB",
		"== it\nv2> %{x*99999999999999999999}":  "is more than 2 MiB",
		"== it\nv2> y%{x*2000000}%{x*200000}":   "is more than 2 MiB",
		"nodes 0":                               "line 1: \"0\" is not a number of nodes",
		"nodes 10":                              "line 1",
		"nodes two":                             "line 1",
		"== it\na@2 close":                      "line 2: there is no node 2",
		"nodes 2\n== it\na@3 v2> x":             "line 3: there is no node 3",
		"nodes 2\n== it\nnode 3 stop":           "line 3: there is no node 3",
		"nodes 2\n== it\nnode 2 rests":          "line 3: expected a> FRAME",
		"nodes 2\n== it\nnode 0 stop":           "line 3: expected a> FRAME",
		"nodes 2\n== it\na@0 close":             "line 3: expected a> FRAME",
		"== it\nlink cut":                       "line 2: this is about several nodes",
		"== it\nv1 node 1 stop":                 "line 2: this is about several nodes",
	} {
		if _, err := conversation.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want one that says %q", text, err, want)
		}
	}
	f := parse(t, "# comment\nserve a:* food\nnow 2015-03-24T09:21:40.003Z\nchannels 3\n"+joined+"v1 at 5s\nv2 at 4s\nat 5s\nv2> %{*7}%{}*2}%{[*2}")
	if len(f.Routes) != 1 || f.Routes[0] != (conversation.Route{Pattern: "a:*", Plugin: "food"}) || f.Now.UnixMilli() != 1427188900003 || f.Channels != 3 {
		t.Errorf("%+v", f)
	}
	if f.Nodes != 1 || parse(t, "nodes 9\n"+joined+"a@9 close\nv2 link cut\nlink mend\nnode 9 stop\nv1 node 9 start").Nodes != 9 {
		t.Errorf("%d nodes", f.Nodes)
	}
	if got := f.Clock().Now(); !got.Equal(f.Now) {
		t.Errorf("the clock shows %v", got)
	}
	if got := parse(t, joined).Clock().Now(); time.Since(got) < 0 || time.Since(got) > time.Hour {
		t.Errorf("without a line now the clock shows %v", got)
	}
}

func TestIn(t *testing.T) {
	for text, want := range map[string]string{
		joined:                  "v1 v2",
		"== it\nv1> x\n":        "v1",
		"== it\nv2b> AA==\n":    "v2",
		"== it\nv2 at 5s\n":     "v2",
		"== it\nv1 a close\n":   "v1",
		"== it\nv1> x\nv2> x\n": "v1 v2",
	} {
		var in []string
		for _, version := range conversation.Versions() {
			if parse(t, text).Dialogues[0].In(version) {
				in = append(in, version)
			}
		}
		if got := strings.Join(in, " "); got != want {
			t.Errorf("%q has lines for %q, want %q", text, got, want)
		}
	}
}
