package wasm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// logged compiles the puppet with a log whose lines are JSON.
func logged(t *testing.T, limits Limits, now func() time.Time) (p *Plugin, lines func() []string) {
	t.Helper()
	var log channeltest.Log
	handler := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	p = compile(t, newTestEngine(t, Config{Logger: slog.New(handler), Now: now}), "served/puppet", limits)
	return p, func() []string {
		var texts []string
		for line := range strings.Lines(log.String()) {
			var record struct{ Level, Msg, Plugin string }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if record.Plugin != "served/puppet@1" {
				t.Errorf("the line %q does not say whose it is", line)
			}
			texts = append(texts, record.Level+" "+record.Msg)
		}
		return texts
	}
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("line %d is missing: %q", i, want[i])
		case i >= len(want):
			t.Errorf("line %d is too many: %q", i, got[i])
		case got[i] != want[i]:
			t.Errorf("line %d is\n\t%q, want\n\t%q", i, got[i], want[i])
		}
	}
}

func TestLog(t *testing.T) {
	p, lines := logged(t, Limits{LogLine: 10}, nil)
	log := func(level uint32, s string) step { return step{opLog, level, text(s)} }
	_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK,
		log(0, "debug"), log(1, "info"), log(2, "warn"), log(3, "error"),
		log(4, "above"), log(0x7fffffff, "far above"), log(0xffffffff, "below"), log(0x80000000, "far below"),
		log(1, ""),
		log(1, "0123456789"), log(1, "0123456789x"), log(1, "01234567éx"), log(1, "012345678éx"), log(1, "0123456☃☃"), log(1, "012345678☃"),
		log(1, "\xff\xfeok"), log(1, "0123456789\xff"), log(1, strings.Repeat("\x80", 20)),
		log(1, "a\nb\x1b[2Jc"),
		step{opLog, 1, 0xffffffff, 0},
	))
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, lines(),
		"DEBUG debug", "INFO info", "WARN warn", "ERROR error",
		"ERROR above", "ERROR far above", "DEBUG below", "DEBUG far below",
		"INFO ",
		"INFO 0123456789", "INFO 0123456789 [cut]", "INFO 01234567é [cut]", "INFO 012345678 [cut]", "INFO 0123456☃ [cut]", "INFO 012345678 [cut]",
		"INFO �ok", "INFO 0123456789 [cut]", "INFO � [cut]",
		`INFO a\nb\x1b[2Jc`,
		"INFO ",
	)
}

// TestLogIsOneLine: what a guest logs cannot forge another line of a text log,
// nor speak to a terminal.
func TestLogIsOneLine(t *testing.T) {
	var log channeltest.Log
	p := compile(t, newTestEngine(t, Config{Logger: log.Logger()}), "served/puppet", Limits{})
	if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opLog, 1, text("a\r\nlevel=ERROR msg=forged \x1b[31m\x00\x9b")})); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\x1b\x00") || !utf8.ValidString(got) {
		t.Errorf("the log is %q", got)
	}
}

// TestLogIsKept: whatever becomes of the callback.
func TestLogIsKept(t *testing.T) {
	p, lines := logged(t, Limits{}, nil)
	for _, end := range []step{{opUnreachable}, {opExit, 0}, {opReply, 7, 0, 0, 0}, {opReturn, 9}} {
		if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opLog, 1, text("before")}, end)); err == nil {
			t.Errorf("%v is no error", end)
		}
	}
	const failed = "ERROR the plugin failed"
	wantLines(t, lines(), "INFO before", failed, "INFO before", failed, "INFO before", failed, "INFO before", failed)
}

func TestLogFlood(t *testing.T) {
	var second atomic.Int64
	p, lines := logged(t, Limits{LogLines: 3}, func() time.Time { return time.Unix(second.Load(), 0) })
	flood := func(name string) {
		var steps []step
		for i := range 10 {
			steps = append(steps, step{opLog, 1, text(fmt.Sprint(name, i))})
		}
		if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Error(err)
		}
	}
	flood("a")
	flood("b")
	second.Store(1)
	flood("c")
	second.Store(3)
	flood("d")
	const tooMuch = "WARN the plugin logs too much"
	wantLines(t, lines(), "INFO a0", "INFO a1", "INFO a2", tooMuch, "INFO c0", "INFO c1", "INFO c2", tooMuch, "INFO d0", "INFO d1", "INFO d2")
}

// write makes a call of fd_write with the given pieces; it uses the memory from
// 1024 on.
func write(fd int, pieces ...string) []step {
	var steps []step
	at := 2048
	for i, p := range pieces {
		for j := range len(p) {
			steps = append(steps, step{opFill, at + j, int(p[j]), 1})
		}
		steps = append(steps, step{opPoke, 1024 + 8*i, at}, step{opPoke, 1028 + 8*i, len(p)})
		at += len(p)
	}
	return append(steps, step{opWrite, fd, 1024, len(pieces), 512})
}

// TestStandardOutput: what arrives in pieces is assembled into lines.
func TestStandardOutput(t *testing.T) {
	p, lines := logged(t, Limits{LogLine: 12}, nil)
	put := func(status abi.Status, steps ...[]step) error {
		var all []step
		for _, s := range steps {
			all = append(all, s...)
		}
		_, err := p.enter(abi.PhaseHandleIn, scripted(t, status, all...))
		return err
	}
	if err := put(abi.StatusOK, write(1, "hel", "lo\nwor", "ld\n"), write(2, "x"), write(1, "y\n\n"), write(1, "the end")); err != nil {
		t.Fatal(err)
	}
	wantLines(t, lines(), "INFO hello", "INFO world", "INFO xy", "INFO the end")
	if err := put(abi.StatusOK, write(2, "panic: "), write(2, "no"), []step{{opUnreachable}}); err == nil {
		t.Error("no trap")
	}
	if err := put(abi.StatusOK, write(1, "123456789012\n"), write(1, "1234567890123\n"), write(1, "12345678"), write(1, "12345678\nshort\n")); err != nil {
		t.Fatal(err)
	}
	wantLines(t, lines()[4:], "INFO panic: no", "ERROR the plugin failed", "INFO 123456789012", "INFO 123456789012 [cut]", "INFO 123456781234 [cut]", "INFO short")
	if errno := p.peek(t, write(3, "no such descriptor")...); errno != 8 { // EBADF
		t.Errorf("fd_write on 3 gave %d", errno)
	}
	if got := p.memory(t, 512, 4, write(1, "abc", "de")...); binary.LittleEndian.Uint32(got) != 5 {
		t.Errorf("%d bytes were written", binary.LittleEndian.Uint32(got))
	}
}

// TestEndlessOutput: one call of fd_write may name the same memory again and
// again. This one names 250 KiB a thousand times; with larger numbers it would
// keep the host for hours, and no deadline would end it.
func TestEndlessOutput(t *testing.T) {
	p, lines := logged(t, Limits{}, nil)
	const count, size = 1000, 250 << 10
	const list = 4 * wasmPage
	steps := []step{{opGrow, 1}, {opPoke, list, 0}, {opPoke, list + 4, size}}
	// The list of pieces doubles with each copy.
	for have := 1; have < count; have *= 2 {
		steps = append(steps, step{opCopy, list + 8*have, list, 8 * min(have, count-have)})
	}
	steps = append(steps, step{opWrite, 1, list, count, 512})
	if errno := p.peek(t, steps...); errno == 0 {
		t.Error("everything was written")
	}
	if n := len(lines()); n > 10_000 {
		t.Errorf("%d lines", n)
	}
	// The next callback may write again.
	if errno := p.peek(t, write(1, "again\n")...); errno != 0 {
		t.Errorf("fd_write gave %d", errno)
	}
	all := lines()
	if all[len(all)-1] != "INFO again" {
		t.Errorf("the last line is %.50q", all[len(all)-1])
	}
}

func TestLineWriter(t *testing.T) {
	var log channeltest.Log
	limits := Limits{LogLine: 8}.withDefaults()
	charged := int64(0)
	w := &lineWriter{lines: &lines{log: newGuestLog(log.Logger(), limits, start)}, charge: func(fuel int64) { charged += fuel }}
	big := make([]byte, maxOutput)
	if n, err := w.Write(big); n != maxOutput || err != nil {
		t.Errorf("all that is allowed: %d, %v", n, err)
	}
	if len(w.buf) > limits.LogLine+1 {
		t.Errorf("the writer holds %d bytes of a line that is cut after %d", len(w.buf), limits.LogLine)
	}
	if n, err := w.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("one byte more: %d, %v", n, err)
	}
	if charged != maxOutput {
		t.Errorf("%d bytes without a line cost %d", maxOutput, charged)
	}
	w.flush()
	if n, err := w.Write(big[:0]); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
	if n, err := w.Write(append(big, 'x')); n != 0 || err == nil {
		t.Errorf("too much at once: %d, %v", n, err)
	}
}

// TestFailuresAreInThePluginsLog: how the guest failed, with its stack, is in the
// plugin's own log, at which event it was, and fit for a terminal; the error that the
// host logs is without it. A guest that floods its log cannot hide it, and clients
// that crash it as fast as they can do not fill the log.
func TestFailuresAreInThePluginsLog(t *testing.T) {
	var log channeltest.Log
	var second atomic.Int64
	e := newTestEngine(t, Config{Logger: slog.New(slog.NewJSONHandler(&log, nil)), Now: func() time.Time { return time.Unix(second.Load(), 0) }})
	p := compile(t, e, "served/named", Limits{})
	_, err := p.HandleIn(t.Context(), event("{}"))
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("the host logs %q", err)
	}
	var line struct{ Level, Msg, Plugin, Tenant, Callback, Topic, Event, Err, Stack string }
	if err := json.Unmarshal([]byte(log.String()), &line); err != nil {
		t.Fatalf("%q: %v", log.String(), err)
	}
	if line.Level != "ERROR" || line.Msg != "the plugin failed" || line.Plugin != "served/named@1" || line.Tenant != "default" ||
		line.Callback != "handle_in" || line.Topic != "rooms:lobby" || line.Event != "new:msg" ||
		line.Err != "wasm: trap in handle_in: wasm error: unreachable" || !strings.Contains(line.Stack, "where_it_happens") {
		t.Errorf("the line is %+v", line)
	}
	if strings.Contains(log.String(), `{}`) {
		t.Error("the payload is in the log")
	}

	second.Store(1)
	flood, lines := compile(t, e, "served/puppet", Limits{LogLines: 2}), func(text string) int { return log.Count(text) }
	for range 3 * crashLines {
		_, _ = flood.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opLog, 1, text("noise")}, step{opUnreachable}))
	}
	if n, m := lines(`"noise"`), lines("the plugin failed"); n != 2 || m != 1+crashLines {
		t.Errorf("%d lines of the guest's and %d failures are logged", n, m)
	}
	second.Store(2)
	_, _ = flood.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opReply, 7, 0, 0, 0}))
	if n := lines(fmt.Sprintf(`"dropped_before":%d`, 2*crashLines)); n != 1 {
		t.Error("it is not said how many failures were left out")
	}
	if !strings.Contains(log.String(), `reply, argument status`) {
		t.Error("a broken rule is not in the log")
	}
}

// TestLoggingCostsFuel by the byte and by the line, be they logged or left out, and the
// same each time: a callback that writes a megabyte of line ends would else keep the
// host busy for longer than all that its fuel is for.
func TestLoggingCostsFuel(t *testing.T) {
	var second atomic.Int64
	p, _ := logged(t, Limits{LogLines: 2}, func() time.Time { return time.Unix(second.Load(), 0) })
	used := func(steps ...step) int64 {
		t.Helper()
		inst, err := p.take(t.Context(), abi.PhaseHandleIn, true)
		if err != nil {
			t.Fatal(err)
		}
		defer p.put(inst)
		if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Fatal(err)
		}
		return p.limits.Fuel - inst.tank.left()
	}
	none, all := used(step{opLog, 1, 4096, 0}), used(step{opLog, 1, 4096, 1 << 10})
	if all-none != logByte<<10 {
		t.Errorf("a line of 1 KiB costs %d more than an empty one", all-none)
	}
	for n := range 10 {
		second.Store(int64(n / 5)) // at some of them the log is full
		if again := used(step{opLog, 1, 4096, 1 << 10}); again != all {
			t.Errorf("the same line costs %d, and %d before", again, all)
		}
	}
	if cut := used(step{opLog, 1, 4096, 100 << 10}); cut != all {
		t.Errorf("a line of 100 KiB, of which 1 KiB is looked at, costs %d", cut)
	}
	const n = 10_000
	out := func(fill byte) int64 {
		return used(step{opFill, 4 * wasmPage, int(fill), n}, step{opPoke, 1024, 4 * wasmPage}, step{opPoke, 1028, n}, step{opGrow, 1}, step{opWrite, 1, 1024, 1, 512})
	}
	_ = used(step{opGrow, 1})
	if long, short := out('x'), out('\n'); short-long < n*hostCall {
		t.Errorf("%d line ends cost %d more than one line of as many bytes", n, short-long)
	}
}

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"plain ~", "plain ~"}, {"ü☃😀", "ü☃😀"}, {"a\r\n\tb", `a\r\n` + "\tb"}, {"\x00\x1b[31m\x7f", `\x00\x1b[31m\x7f`},
		{"\u0085\u009b", `\u0085\u009b`}, {"\u202eevil\u2066", `\u202eevil\u2066`}, {"a\u2028b\ufeff", `a\u2028b\ufeff`},
		{"👩\u200d👧", "👩\u200d👧"}, {"\xff\xfe", "\ufffd"}, {`\n`, `\n`}, {strings.Repeat("a", 50), strings.Repeat("a", 40) + " [cut]"},
		{strings.Repeat("é", 50), strings.Repeat("é", 20) + " [cut]"}, {strings.Repeat("\x00", 41), strings.Repeat(`\x00`, 40) + " [cut]"},
	} {
		if got := printable(c.text, 40); got != c.want || printable([]byte(c.text), 40) != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
	}
}
