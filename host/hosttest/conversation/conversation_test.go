package conversation_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const joined = `
== it
a> ["1","1","room","phx_join",{}]
a< ["1","1","room","phx_reply",{"response":{},"status":"ok"}]
`

func parse(t *testing.T, text string) *conversation.File {
	t.Helper()
	f, err := conversation.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func server(t *testing.T) string {
	t.Helper()
	return hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "room", Handler: channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{channel.Push(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()}}}).Socket
}

// TestRunNoticesEveryDifference guards the guard: a dialogue that is not what
// happens has to fail, and the error names the line.
func TestRunNoticesEveryDifference(t *testing.T) {
	url := server(t)
	for name, c := range map[string]struct{ text, want string }{
		"as it is":          {joined, ""},
		"keys in any order": {joined + `a> ["1","2","room","x",{"a":1,"b":[2.0]}]` + "\n" + `a< ["1",null,"room","x",{"b":[2.0],"a":1}]`, ""},
		"another status":    {strings.Replace(joined, `"ok"`, `"error"`, 1), "line 4"},
		"another number":    {joined + `a> ["1","2","room","x",{"a":1}]` + "\n" + `a< ["1",null,"room","x",{"a":1.0}]`, "line 6"},
		"one frame more":    {joined + `a> ["1","2","room","x",{}]`, "at the end"},
		"not closed":        {joined + `a> ["1","2","room","x",{}]` + "\n" + "a closed 1000", "should have been closed"},
	} {
		for _, version := range conversation.Versions() {
			t.Run(name+"/"+version, func(t *testing.T) {
				d := parse(t, c.text).Dialogues[0]
				err := d.Run(t.Context(), url, version)
				switch {
				case c.want == "" && err != nil:
					t.Error(err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("err = %v, want one that says %q", err, c.want)
				}
			})
		}
	}
}

// TestVersionsSeeDifferentFrames guards that version 1 is really spoken: without
// join_ref, in objects.
func TestVersionsSeeDifferentFrames(t *testing.T) {
	url := server(t)
	d := parse(t, joined+`v1 a> ["1","2","room","one",{}]
v1 a< ["never compared",null,"room","one",{}]
v2 a> ["1","2","room","two",{}]
v2 a< ["1",null,"room","two",{}]
`).Dialogues[0]
	for _, version := range conversation.Versions() {
		if err := d.Run(t.Context(), url, version); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no dialogue",
		"serve a:* food":                        "no dialogue",
		"serve food":                            "line 1",
		"now yesterday":                         "line 1",
		"== it\na: []":                          "line 2",
		"== it\na> [1,2]":                       "line 2",
		"== it\na> {}":                          "line 2",
		"== it\n\na closed abc":                 "line 3",
		"== it\nv3 a> [null,null,\"\",\"\",{}]": "line 2",
	} {
		if _, err := conversation.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want one that says %q", text, err, want)
		}
	}
	f := parse(t, "# comment\nserve a:* food\nnow 2015-03-24T09:21:40.003Z\n"+joined)
	if len(f.Routes) != 1 || f.Routes[0] != (conversation.Route{Pattern: "a:*", Plugin: "food"}) || f.Now.UnixMilli() != 1427188900003 {
		t.Errorf("%+v", f)
	}
}
