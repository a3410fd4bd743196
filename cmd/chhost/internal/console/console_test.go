package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func plugin(name, path string) Plugin {
	return Plugin{Plugin: &host.Plugin{Name: name}, Path: path}
}

// served routes NAME:* to testdata/guests/served/NAME.wasm, for each name.
func served(t *testing.T, names ...string) Config {
	t.Helper()
	cfg := Config{Err: t.Output(), CacheDir: hosttest.CacheDir(t, "compiled")}
	for _, name := range names {
		path := filepath.Join(hosttest.Root(t), "testdata/guests/served", name+".wasm")
		load := func(context.Context) ([]byte, error) { return os.ReadFile(path) }
		module, err := load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := plugin(name, path)
		p.Module, p.Load = module, load
		cfg.Plugins = append(cfg.Plugins, p)
		cfg.Routes = append(cfg.Routes, host.Route{Pattern: name + ":*", Plugin: p.Plugin})
	}
	return cfg
}

// play types what a session has behind its prompts and compares all of it.
func play(t *testing.T, cfg Config, session string) error {
	t.Helper()
	session = strings.TrimPrefix(session, "\n")
	var in strings.Builder
	for text := range strings.Lines(session) {
		if typed, ok := strings.CutPrefix(text, strings.TrimRight(prompt, " ")); ok {
			in.WriteString(strings.TrimPrefix(typed, " "))
		}
	}
	var out bytes.Buffer
	cfg.In, cfg.Out = strings.NewReader(in.String()), &out
	err := Run(t.Context(), cfg)
	// The same thing at the end of each socket only makes these sessions wider.
	got := strings.ReplaceAll(out.String(), ", transport: console, pubsub_server: local}", "}")
	if got != session {
		t.Errorf("%s", diff.Diff("expected", []byte(session), "the console", []byte(got)))
	}
	return err
}

func expectFailed(t *testing.T, err error, failed, lines int) {
	t.Helper()
	var f *FailedError
	if !errors.As(err, &f) || f.Failed != failed || f.Lines != lines {
		t.Errorf("Run returned %v, want %d of %d", err, failed, lines)
	}
}

// TestAnswers plays what a channel may answer, besides the guide's session.
func TestAnswers(t *testing.T) {
	if err := play(t, served(t, "leaves", "echo"), `
chhost> dispatch leaves:a join
{ok, socket{topic: "leaves:a", authorized: true, channel: leaves@1, assigns: {}}}
chhost> dispatch leaves:a anything {"a":1}
{ok, socket{topic: "leaves:a", authorized: true, channel: leaves@1, assigns: {}}}
chhost> dispatch leaves:a stop
{leave, socket{topic: "leaves:a", authorized: false, channel: leaves@1, assigns: {}}}
chhost> dispatch leaves:a phx_join
{ok, socket{topic: "leaves:a", authorized: true, channel: leaves@1, assigns: {}}}
chhost> dispatch leaves:a trap
{error, {"reason":"channel_crash"}, socket{topic: "leaves:a", authorized: false, channel: leaves@1, assigns: {}}}
chhost> dispatch leaves:a anything
{error, {"reason":"unmatched topic"}, socket{topic: "leaves:a", authorized: false, channel: leaves@1, assigns: {}}}
(the topic is not joined: dispatch a join to it first)
chhost> dispatch leaves:a leave
{ok, socket{topic: "leaves:a", authorized: false, channel: leaves@1, assigns: {}}}
chhost> dispatch elsewhere join
{error, {"reason":"unmatched topic"}, socket{topic: "elsewhere", authorized: false, channel: nil, assigns: {}}}
(no route takes the topic: there is leaves:*, echo:*)
chhost> authorize elsewhere
{error, {"reason":"unmatched topic"}, socket{topic: "elsewhere", authorized: false, channel: nil, assigns: {}}}
(no route takes the topic: there is leaves:*, echo:*)
chhost> dispatch leaves:a phx_reply
{error, {"reason":"unmatched topic"}, socket{topic: "leaves:a", authorized: false, channel: nil, assigns: {}}}
(the topic is not joined: dispatch a join to it first)
chhost> dispatch echo:a join
{ok, socket{topic: "echo:a", authorized: true, channel: echo@1, assigns: {}}}
chhost> dispatch echo:a phx_reply
{error, {"reason":"reserved event"}, socket{topic: "echo:a", authorized: true, channel: echo@1, assigns: {}}}
chhost> inbox
[]
chhost> # A membership that a new one replaces ends; and one that is there is no other.
chhost> dispatch echo:a join
{ok, socket{topic: "echo:a", authorized: true, channel: echo@1, assigns: {}}}
chhost> authorize echo:a
socket{topic: "echo:a", authorized: true, channel: echo@1, assigns: {}}
chhost> dispatch echo:a hello {"n":1}
{ok, socket{topic: "echo:a", authorized: true, channel: echo@1, assigns: {}}}
chhost> subscribe echo:a
ok
chhost> subscribe echo:a
ok
chhost> subscribers echo:a
[#sub<1>, #sub<1>]
chhost> broadcast echo:a hello {"n":2}
ok
chhost> deauthorize echo:a
socket{topic: "echo:a", authorized: false, channel: echo@1, assigns: {}}
chhost> deauthorize echo:a
socket{topic: "echo:a", authorized: false, channel: echo@1, assigns: {}}
chhost> inbox
[socket_close: message{event: "phx_close", payload: {}, topic: "echo:a"},
 socket_broadcast: message{event: "hello", payload: {"n":1}, topic: "echo:a"},
 socket_broadcast: message{event: "hello", payload: {"n":2}, topic: "echo:a"},
 broadcast: message{event: "hello", payload: {"n":2}, topic: "echo:a"}]
chhost> socket
socket{topic: "echo:a", authorized: false, channel: echo@1, assigns: {}}
chhost> quit
`); err != nil {
		t.Error(err)
	}
}

// TestLater plays what arrives when nobody waits for it, and whoever listens
// besides the console.
func TestLater(t *testing.T) {
	cfg := served(t, "relay")
	if err := play(t, cfg, `
chhost> dispatch relay:a join
{ok, socket{topic: "relay:a", authorized: true, channel: relay@1, assigns: {}}}
chhost> dispatch relay:a listen
{ok, socket{topic: "relay:a", authorized: true, channel: relay@1, assigns: {}}}
chhost> subscribers relay:news
[#plugin<1>]
chhost> subscribe relay:news
ok
chhost> subscribers relay:news
[#sub<1>, #plugin<1>]
chhost> dispatch relay:a tell {"news":"none"}
{ok, socket{topic: "relay:a", authorized: true, channel: relay@1, assigns: {}}}
chhost> inbox
[broadcast: message{event: "told", payload: {"news":"none"}, topic: "relay:news"},
 socket_push: message{event: "told", payload: {"news":"none"}, topic: "relay:a"}]
chhost> inbox clear
ok
chhost> dispatch relay:a nonsense
{error, {"reason":"unknown event"}, socket{topic: "relay:a", authorized: true, channel: relay@1, assigns: {}}}
chhost> reload relay
{reloaded, relay@2}
chhost> inbox
[socket_push: message{event: "upgraded", payload: {"from":"relay@1"}, topic: "relay:a"}]
`); err != nil {
		t.Error(err)
	}
}

// TestFailures guards that a session goes on behind lines that fail, and that
// they are counted.
func TestFailures(t *testing.T) {
	cfg := served(t, "echo", "relay")
	cfg.Plugins[1].Load = func(context.Context) ([]byte, error) { return []byte("no module"), nil }
	twin := plugin("echo", "twin/echo.wasm")
	twin.Load = func(context.Context) ([]byte, error) { return nil, errors.New("main.go:1:\n\tdoes not build\a") }
	err := play(t, cfg, `
chhost> socket
error: there is no socket yet: begin with socket new TOPIC
chhost> reload ech
error: no plugin is called "ech": there is echo, relay
chhost> broadcast a phx_close
error: host: the event phx_close belongs to the host
chhost> help nothing
error: there is no command "nothing" (help lists them)
chhost> self
#sub<1>
chhost>
chhost> reload echo
{reloaded, echo@2}
`)
	expectFailed(t, err, 4, 6)

	cfg = served(t, "echo")
	cfg.Plugins = append(cfg.Plugins, twin)
	err = play(t, cfg, `
chhost> reload echo
error: several plugins are called "echo": name the file, such as twin/echo.wasm
chhost> reload twin/echo.wasm
error: main.go:1:
      does not build\u0007
`)
	expectFailed(t, err, 2, 2)

	err = play(t, Config{Err: t.Output()}, `
chhost> reload echo
error: no plugin is served: start with chhost console --route 'PATTERN=FILE'
`)
	expectFailed(t, err, 1, 1)
}

// TestReloadOfABrokenModule guards that the version that is served stays.
func TestReloadOfABrokenModule(t *testing.T) {
	cfg := served(t, "echo")
	cfg.Plugins[0].Load = func(context.Context) ([]byte, error) { return []byte("no module"), nil }
	var out bytes.Buffer
	cfg.Out, cfg.In = &out, strings.NewReader("dispatch echo:a join\nreload echo\ndispatch echo:a hi\n")
	expectFailed(t, Run(t.Context(), cfg), 1, 3)
	if got := out.String(); !strings.Contains(got, "error: the served version stays: plugin echo cannot be served") || strings.Count(got, "{ok, ") != 2 || strings.Count(got, "echo@1") != 2 {
		t.Error(got)
	}
}

// TestClosedSocket guards that a session goes on when the host has closed its
// socket, with another one.
func TestClosedSocket(t *testing.T) {
	cfg := served(t, "echo")
	h, err := host.New(host.Config{Routes: cfg.Routes, CacheDir: cfg.CacheDir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	s := newSession(h, cfg)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var out bytes.Buffer
	run := func(text string) error {
		_, err := s.run(t.Context(), &out, text)
		return err
	}
	if err := run("dispatch echo:a join"); err != nil {
		t.Fatal(err)
	}
	s.local.Close()
	if err := run("authorized? echo:a"); err == nil || !strings.Contains(err.Error(), "there is a new one now") {
		t.Errorf("err = %v", err)
	}
	if err := errors.Join(run("socket"), run("dispatch echo:a hi"), run("dispatch echo:a join"), run("dispatch echo:a hi")); err != nil {
		t.Error(err)
	}
	var answers []string
	for text := range strings.Lines(out.String()) {
		answer, _, shown := strings.Cut(text, "socket{")
		if !shown {
			continue // what to do about it
		}
		answers = append(answers, strings.TrimSpace(answer))
	}
	if got, want := strings.Join(answers, " "), `{ok,  {error, {"reason":"unmatched topic"}, {ok, {ok,`; got != want {
		t.Errorf("the answers are %s, want %s", got, want)
	}
}

// TestInput guards what does not come in lines as it should.
func TestInput(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	var out bytes.Buffer
	cfg := Config{Err: t.Output(), Out: &out, In: io.MultiReader(
		strings.NewReader("self\r\nself\t\x1b[2J\nself \xff\n"+long+"\n"), strings.NewReader(long+"yz\r\n# "+long[2:]+"\r\nself"))}
	expectFailed(t, Run(t.Context(), cfg), 4, 6)
	var short []string
	for text := range strings.Lines(out.String()) {
		text = strings.TrimSuffix(text, "\n")
		plain(t, text)
		short = append(short, text[:min(len(text), 60)])
	}
	want := []string{
		"chhost> self", "#sub<1>",
		`chhost> self \u001b[2J`, `error: self does not know what to do with "\x1b[2J"`,
		`chhost> self \xff`, "error: the line is not UTF-8",
		("chhost> " + long)[:60], `error: there is no command "` + long[:32],
		("chhost> " + long)[:60], "error: a line has at most 65536 bytes, and this one was pass",
		("chhost> # " + long)[:60],
		"chhost> self", "#sub<1>",
	}
	if got, want := strings.Join(short, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("%s", diff.Diff("expected", []byte(want), "the console", []byte(got)))
	}
	if out.Len() > 8*maxShown {
		t.Errorf("%d bytes were written", out.Len())
	}
}

// TestInterrupted guards that the end of the context ends a console that waits
// for input which does not come.
func TestInterrupted(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close() // lets go what waits
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	asked := make(chan struct{}, 1)
	go func() {
		ended <- Run(ctx, Config{In: r, Out: writerFunc(func(p []byte) { asked <- struct{}{} }), Err: t.Output()})
	}()
	if _, err := io.WriteString(w, "# here\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the console waits")
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// TestHelp guards that every command says how it is used.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), Config{In: strings.NewReader("help\nhelp socket\n"), Out: &out, Err: t.Output()}); err != nil {
		t.Error(err)
	}
	for _, name := range commandNames() {
		if !strings.Contains(out.String(), "\n  "+name+" ") {
			t.Errorf("help does not know %s", name)
		}
	}
	if n := strings.Count(out.String(), "  socket new TOPIC "); n != 2 {
		t.Errorf("socket new is explained %d times", n)
	}
}
