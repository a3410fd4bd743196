package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func object1(t *testing.T, text string) phx.Payload {
	t.Helper()
	p, err := phx.JSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEveryEffectIsShown: a kind of effect that is added to the contract needs a
// place here, with what it carries.
func TestEveryEffectIsShown(t *testing.T) {
	one := object1(t, `{"n":1}`)
	for _, c := range []struct {
		effect channel.Effect
		want   string
	}{
		{channel.Push("a", one), `push a {"n":1}`},
		{channel.Push("a", phx.Bytes(nil)), `push a ""`},
		{channel.Push("a\u202eb", phx.Bytes([]byte{0, 1, 0xff})), `push "a\u202eb" "\x00\x01\xff"`},
		{channel.Push("a", object1(t, "{\n\"n\":\r\n1}")), `push a { "n": 1}`},
		{channel.Broadcast("b", phx.Payload{}), `broadcast b {}`},
		{channel.BroadcastFrom("c", one), `broadcast_from c {"n":1}`},
		{channel.BroadcastTo("rooms:2", "d", one), `broadcast_to rooms:2 d {"n":1}`},
		{channel.Assign([]byte(`{"name":"Ada"}`)), `assign {"name":"Ada"}`},
		{channel.Assign(nil), `assign`},
		{channel.Assign([]byte("two\nlines")), `assign two lines`},
		{channel.Assign([]byte{1, 0xff}), `assign "\x01\xff"`},
		{channel.ReplyTo(7, phx.StatusError, object1(t, `[1]`)), `reply_to 7 error [1]`},
		{channel.SendAfter(0, 90*time.Second, "tick", one), `send_after 0 90000 tick {"n":1}`},
		{channel.Cancel(3), `cancel 3`},
		{channel.Subscribe("rooms:2"), `subscribe rooms:2`},
		{channel.Unsubscribe("rooms:2"), `unsubscribe rooms:2`},
	} {
		if got := effectOf(c.effect).String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	// One after the last one has no name.
	if name := (channel.KindUnsubscribe + 1).String(); name != "effect" {
		t.Errorf("there is a kind %s, which this test does not know", name)
	}
}

func TestOutcome(t *testing.T) {
	push := []channel.Effect{channel.Push("x", phx.Payload{})}
	answer := channel.Reply{Status: phx.StatusOK, Payload: phx.Bytes([]byte("!"))}
	for _, c := range []struct {
		callback abi.Callback
		result   channel.Result
		want     string
	}{
		{abi.CallbackJoin, channel.Result{Do: push}, "status ok\nreply ok {}\npush x {}\n"},
		{abi.CallbackJoin, channel.Result{Do: push, Reply: answer}, "status ok\nreply ok \"!\"\npush x {}\n"},
		{abi.CallbackJoin, channel.Result{Status: channel.StatusError}, "status error\nreply error {}\n"},
		{abi.CallbackJoin, channel.Result{Status: channel.StatusIgnore}, "status ignore\n"},
		{abi.CallbackHandleIn, channel.Result{Do: push}, "status ok\npush x {}\n"},
		{abi.CallbackHandleIn, channel.Result{Do: push, Reply: answer, Status: channel.StatusStop}, "status stop\npush x {}\nreply ok \"!\"\n"},
		{abi.CallbackHandleOut, channel.Result{Status: channel.StatusPass}, "status pass\n"},
	} {
		var o Outcome
		o.fill(c.callback, &c.result)
		var text strings.Builder
		if err := o.WriteText(&text); err != nil || text.String() != c.want {
			t.Errorf("%s: got\n%s, %v; want\n%s", c.callback.Export(), &text, err, c.want)
		}
	}
}

// TestCallbacksAreComplete: what the contract adds can be called, and all that a
// row of the table names is there.
func TestCallbacksAreComplete(t *testing.T) {
	var known abi.Callback
	for _, c := range callbacks() {
		known |= c.bit
		for _, name := range strings.Fields(c.inputs + " " + c.needs) {
			if !slices.Contains(InputNames(), name) {
				t.Errorf("%s: there is no input %s", c.name(), name)
			}
		}
		for _, name := range strings.Fields(c.needs) {
			if !slices.Contains(strings.Fields(c.inputs), name) {
				t.Errorf("%s needs %s and does not take it", c.name(), name)
			}
			if examples()[name] == "" {
				t.Errorf("there is no example of %s", name)
			}
		}
		if hasKind := slices.Contains(strings.Fields(c.inputs), "kind"); hasKind != (len(c.kinds) > 0) {
			t.Errorf("%s: kinds %v, takes one: %v", c.name(), c.kinds, hasKind)
		}
		if c.absent == "" && abi.RequiredCallbacks()&c.bit == 0 {
			t.Errorf("%s: it is not said what a host does without it", c.name())
		}
	}
	// Of housekeeping there is nothing to show.
	if want := abi.KnownCallbacks() &^ abi.CallbackIdle; known != want {
		t.Errorf("can be called: %v; the contract has %v", callbackNames(known), callbackNames(want))
	}
	if kinds := leaveKinds(); len(kinds) != int(channel.LeaveKicked) || kinds[0].name != "left" || kinds[6].name != "kicked" {
		t.Errorf("the kinds of leave are %v", kinds)
	}
}

func TestFailedSaysWhatItMeans(t *testing.T) {
	join, in := &callbacks()[0], &callbacks()[2]
	cause := errors.New("the cause")
	for _, c := range []struct {
		callback *callback
		err      error
		want     string
	}{
		{in, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}, `handle_in was not called: a client would be answered {"reason":"payload_too_large"}`},
		{in, &wasm.TrapError{Phase: abi.PhaseHandleIn, Err: cause}, "handle_in crashed; what a Go plugin panicked with is in the log above. Nothing that it asked for happens; the client gets phx_error"},
		{join, &wasm.ContractError{Phase: abi.PhaseJoin, Rule: "the rule"}, `join broke a rule of the contract (see abi/ABI.md). Nothing that it asked for happens; the client's join is answered {"reason":"join crashed"}`},
		{in, &wasm.LimitError{Phase: abi.PhaseHandleIn, Limit: "the limit"}, "handle_in went beyond a limit. "},
	} {
		err := failed(c.callback, c.err)
		if !strings.HasPrefix(err.Error(), c.want) || !errors.Is(err, c.err) || !strings.HasSuffix(err.Error(), c.err.Error()) {
			t.Errorf("got %v, want it to begin %s", err, c.want)
		}
	}
	if err := failed(in, context.Canceled); err != context.Canceled {
		t.Errorf("an error of another kind became %v", err)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out).With("plugin", "foods@1")
	log.Debug("quiet")
	log.WithGroup("g").Error("two\nlines", "err", errors.New("a\n\tb"), "n", 7)
	log.Info("\x1b[31mred")
	want := "DEBUG quiet\nERROR two\n      lines err=a\n      \tb n=7\nINFO  \"\\x1b[31mred\"\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	if !newLog(io.Discard).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("what is for the author is not shown")
	}
}

func TestTailIsBounded(t *testing.T) {
	var log tail
	for i := range maxTail + 5 {
		fmt.Fprintf(&log, "%d\n", i)
	}
	lines := strings.Fields(log.String())
	if len(lines) != maxTail || lines[0] != "5" || lines[maxTail-1] != fmt.Sprint(maxTail+4) {
		t.Errorf("%d lines from %s to %s", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 2 << 20: "2.0 MiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: got %s, want %s", bytes, got, want)
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	if got := names([]string{"a", "b\x00"}); got != `a, "b\x00"` {
		t.Errorf("got %s", got)
	}
	if got := names(make([]string, maxNames+3)); !strings.HasSuffix(got, " and 3 more") {
		t.Errorf("got ...%s", got[len(got)-20:])
	}
}

// TestLoadReadsNoMoreThanItNeeds: a file that is no module is not read as a
// whole.
func TestLoadReadsNoMoreThanItNeeds(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"empty":  {"", 0},
		"short":  {"no module", 9},
		"long":   {strings.Repeat("x", 1<<20), sniffed},
		"module": {"\x00asm" + strings.Repeat("x", 1<<20), 4 + 1<<20},
		"tiny":   {"\x00asm\x01\x00\x00\x00", 8},
	} {
		path := filepath.Join(dir, name+".wasm")
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := Load(t.Context(), path, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Binary) != c.want || m.Name != name || m.Path != path {
			t.Errorf("%s: %d bytes of %s, %s", name, len(m.Binary), m.Name, m.Path)
		}
	}
}

// TestPlayKeepsNothing: without a directory for compiled code there is none left
// afterwards, and a module that cannot be served is refused with advice.
func TestPlayKeepsNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("conversations/it.txt", "== it\na> [\"1\",\"1\",\"t\",\"phx_join\",{}]\na< [\"1\",\"1\",\"t\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]\n")
	echo, err := os.ReadFile(filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	conversations, err := FindConversations(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	player := Player{Played: func(r []Result) { results = append(results, r...) }}
	played, failed, err := player.Play(t.Context(), conversations, &Module{Name: "echo", Binary: echo})
	if played != 1 || failed != 0 || err != nil || len(results) != len(versions()) {
		t.Errorf("%d played, %d failed, %v: %+v", played, failed, err, results)
	}
	_, _, err = player.Play(t.Context(), conversations, &Module{Name: "wat", Binary: []byte("(module)")})
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Advice, "wat2wasm") {
		t.Errorf("err = %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	write("conversations/far.txt", "nodes 2\n== it\na@2> [\"1\",\"1\",\"t\",\"phx_join\",{}]\n")
	if _, err := FindConversations(dir, nil); err == nil || !strings.Contains(err.Error(), "far.txt: nodes 2: here a conversation is played on one node") {
		t.Errorf("a conversation of two nodes: err = %v", err)
	}
	if _, _, err := player.Play(canceled, conversations, &Module{Name: "echo", Binary: echo}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: err = %v", err)
	}
	left, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
