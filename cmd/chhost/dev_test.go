package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// counter is a plugin that counts its events in its assigns, and says by which
// words, which come from a module beside it.
const counter = `package main

import (
	"example.com/words"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
)

type Counter struct{}

func init() { chhost.Register(Counter{}) }
func main() {}

func (Counter) Join(*chhost.Socket) chhost.JoinResult { return chhost.OK }

func (Counter) HandleIn(s *chhost.Socket, _ string, _ chhost.Payload) chhost.InResult {
	seen, _ := s.Assigns().Field("seen").Text()
	seen += "I"
	s.Assign(chhost.Map{"seen": seen})
	return s.Reply(chhost.Map{"seen": seen, "version": version + words.Mark})
}

const version = "one"
`

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// counterPlugin writes the counter's source and returns its directory.
func counterPlugin(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "counter")
	sdk := filepath.ToSlash(filepath.Join(hosttest.Root(t), "guest-sdk", "go"))
	writeFile(t, filepath.Join(dir, "go.mod"), "module counter\n\ngo 1.24\n\n"+
		"require (\n\texample.com/words v0.0.0\n\tgithub.com/chhost/chhost/guest-sdk/go v0.0.0\n)\n\n"+
		"replace (\n\texample.com/words => ../words\n\tgithub.com/chhost/chhost/guest-sdk/go => "+sdk+"\n)\n")
	writeFile(t, filepath.Join(dir, "main.go"), counter)
	words := filepath.Join(filepath.Dir(dir), "words")
	writeFile(t, filepath.Join(words, "go.mod"), "module example.com/words\n\ngo 1.24\n")
	writeFile(t, filepath.Join(words, "words.go"), "package words\n\nconst Mark = \"!\"\n")
	return dir
}

// pushed pushes an event and expects the reply's body.
func pushed(t *testing.T, c *phxclient.Channel, event, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := c.Push(ctx, event, phx.Payload{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(reply.Payload.Data()); got != want {
		t.Errorf("%s is answered %s, want %s", event, got, want)
	}
}

// TestDevSwaps is a developer's hour: every save is served to a client that never
// loses its connection or its channel's state, and what is wrong with a save is
// told while the old version keeps serving.
func TestDevSwaps(t *testing.T) {
	dir := counterPlugin(t)
	save := func(name, from, to string) {
		writeFile(t, filepath.Join(dir, name), strings.ReplaceAll(counter, from, to))
	}
	c := start(t, "dev", dir, "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled"))
	channel := joinOn(t, c.address(t), "counter:1", `{}`)
	c.wait(t, "Press Ctrl+C to stop.")
	pushed(t, channel, "count", `{"seen":"I","version":"one!"}`)

	save("main.go", `"one"`, `"two"`)
	c.wait(t, "main.go changed: building "+dir+"\ncounter@2 is serving: 1 channel moved, 0 stayed on counter@1 (")
	pushed(t, channel, "count", `{"seen":"II","version":"two!"}`)

	save("main.go", `"one"`, `"three`)
	c.wait(t, "./main.go:23:23: newline in string\n")
	c.wait(t, "counter@2 keeps serving\n")
	save("main.go", "(*chhost.Socket) chhost.JoinResult { return chhost.OK }", "() {}")
	c.wait(t, "./main.go:11:31: cannot use Counter{}")
	c.wait(t, "counter@2 keeps serving\n")
	pushed(t, channel, "count", `{"seen":"III","version":"two!"}`)

	save("main.go", `"one"`, `"two"`)
	c.wait(t, "counter@2 keeps serving: the module is the same (")
	writeFile(t, filepath.Join(dir, "main_test.go"), "package main\n\nfunc broken(")
	writeFile(t, filepath.Join(dir, "..", "words", "words.go"), "package words\n\nconst Mark = \"?\"\n")
	told := c.wait(t, "counter@3 is serving: 1 channel moved, 0 stayed on counter@2 (")
	if want := filepath.Join("..", "words", "words.go") + " changed: building " + dir; !strings.Contains(told, want) || strings.Contains(told, "_test.go") {
		t.Errorf("before the third version it wrote:\n%s\nwant %s, and nothing of a test", told, want)
	}
	pushed(t, channel, "count", `{"seen":"IIII","version":"two?"}`)

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "there is no directory "+dir+"\ncounter@3 keeps serving\n")
	again := counterPlugin(t)
	writeFile(t, filepath.Join(filepath.Dir(again), "words", "words.go"), "package words\n\nconst Mark = \".\"\n")
	for _, name := range []string{"words", "counter"} {
		from, to := filepath.Join(filepath.Dir(again), name), filepath.Join(filepath.Dir(dir), name)
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	c.wait(t, "counter@4 is serving: 1 channel moved, 0 stayed on counter@3 (")
	pushed(t, channel, "count", `{"seen":"IIIII","version":"one."}`)
	if err := channel.Err(); err != nil {
		t.Errorf("the channel ended: %v", err)
	}
}

// TestDevModule: a module that something else builds is served and swapped as it
// is replaced; one that breaks the contract is told and not served.
func TestDevModule(t *testing.T) {
	guest := func(name string) string {
		module, err := os.ReadFile(filepath.Join(hosttest.Root(t), "testdata", "guests", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(module)
	}
	file := filepath.Join(t.TempDir(), "guest.wasm")
	writeFile(t, file, guest("served/counter.wasm"))
	c := start(t, "dev", file, "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled"))
	address := c.address(t)
	channel := joinOn(t, address, "any:topic", `{}`)
	c.wait(t, "Press Ctrl+C to stop.")
	// It counts in a variable of its own, and events take turns on two instances.
	for _, want := range []string{"1", "1", "2", "2"} {
		pushed(t, channel, "count", want)
	}

	writeFile(t, file, guest("served/echo.wasm"))
	c.wait(t, "guest@2 is serving: 1 channel moved, 0 stayed on guest@1 (")
	pushed(t, channel, "echo", `{}`)

	writeFile(t, file, guest("refused/join_missing.wasm"))
	c.wait(t, "plugin guest cannot be served: ")
	c.wait(t, "guest@2 keeps serving\n")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "guest@2 keeps serving\n")
	pushed(t, channel, "echo", `{}`)

	writeFile(t, file+".new", guest("served/counter.wasm"))
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "guest@3 is serving: 1 channel moved, 0 stayed on guest@2 (")
	pushed(t, channel, "count", "1")

	// What a plugin has in its connect counts from the save on, for new sockets. And
	// a channel whose upgrade fails stays with the version that it has.
	writeFile(t, file, guest("broken/status_of_others.wasm"))
	c.wait(t, "guest@4 is serving: 0 channels moved, 1 stayed on guest@3 (")
	pushed(t, channel, "count", "1") // the other instance
	var refused *phxclient.HandshakeError
	if _, err := phxclient.Connect(t.Context(), "ws://"+address+"/socket", phxclient.ClientOptions{}); !errors.As(err, &refused) || refused.Status != http.StatusInternalServerError {
		t.Errorf("a new socket, where connect breaks the contract: %v", err)
	}
	if err := channel.Err(); err != nil {
		t.Errorf("the channel ended: %v", err)
	}
}
