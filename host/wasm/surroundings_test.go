package wasm

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// TestClock: a guest's clocks stand still at the event's time, except for what it
// sleeps, which takes no time.
func TestClock(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const realtime, monotonic = 0, 1
	ns := func(clock int, before ...step) int64 {
		t.Helper()
		return int64(binary.LittleEndian.Uint64(p.memory(t, 64, 8, append(before, step{opClock, clock, 64})...)))
	}
	// A subscription: kind 0 at 8, the timeout at 24.
	sleep := func(d time.Duration) []step {
		return []step{{opFill, 128, 0, 48}, {opPoke, 128 + 24, uint32(d)}, {opPoke, 128 + 28, uint32(d >> 32)}, {opPoll, 128, 256, 1, 512}}
	}
	want := start().UnixNano()
	if got := ns(realtime); got != want {
		t.Errorf("the clock shows %d, want %d", got, want)
	}
	if got := ns(realtime, step{opClock, realtime, 64}, step{opRandom, 1024, 1024}); got != want {
		t.Errorf("the clock moved to %d within a callback", got)
	}
	began := time.Now()
	if got := ns(realtime, sleep(9*time.Second)...); got != want+int64(9*time.Second) {
		t.Errorf("after a sleep of 9 s the clock shows %v more", time.Duration(got-want))
	}
	if got := ns(realtime, append(sleep(4*time.Second), sleep(6*time.Second)...)...); got != want+int64(10*time.Second) {
		t.Errorf("after 4 s and 6 s the clock shows %v more", time.Duration(got-want))
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("sleeping took %v", d)
	}
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, append(sleep(10*time.Second), sleep(1)...)...))
	wantFailure(t, res, err, "LimitError", "wasm: limit sleep exceeded in handle_in: a callback may sleep 10s in all")

	res, err = p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, append(sleep(1), sleep(1<<63-1)...)...))
	wantFailure(t, res, err, "LimitError", "wasm: limit sleep exceeded")

	// The monotonic clock of an instance never goes back, whatever the host's does,
	// and it goes on all the same while the guest sleeps.
	latest := ns(monotonic, sleep(time.Second)...)
	for _, back := range []time.Duration{0, time.Second, time.Hour} {
		ev := scripted(t, abi.StatusOK, slices.Concat([]step{{opClock, monotonic, 64}}, sleep(time.Millisecond),
			[]step{{opClock, monotonic, 72}, {opClock, realtime, 80}, {opReply, 0, 64, 24, 1}})...)
		ev.Now = start().Add(-back)
		res, err = p.enter(abi.PhaseHandleIn, ev)
		if err != nil {
			t.Fatal(err)
		}
		data := res.Reply.Payload.Data()
		at := func(n int) int64 { return int64(binary.LittleEndian.Uint64(data[n:])) }
		if at(0) < latest || at(8) != at(0)+int64(time.Millisecond) || at(16) != ev.Now.Add(time.Millisecond).UnixNano() {
			t.Errorf("%v earlier: the monotonic clock went from %d to %d and %v on, the other shows %v", back, latest, at(0), time.Duration(at(8)-at(0)), time.Unix(0, at(16)))
		}
		latest = at(8)
	}
}

// TestSurroundings: a guest finds no arguments, no input, no files, and only the
// variable that the host sets.
func TestSurroundings(t *testing.T) {
	p := served(t, "puppet", Limits{Memory: 8 << 20})
	le := binary.LittleEndian
	sizes := p.memory(t, 64, 8, step{opEnvironSizes, 64, 68})
	want := "GOMEMLIMIT=6291456\x00"
	if n, size := le.Uint32(sizes), le.Uint32(sizes[4:]); n != 1 || int(size) != len(want) {
		t.Errorf("the environment has %d variables, %d bytes", n, size)
	}
	if got := string(p.memory(t, 128, len(want), step{opEnviron, 64, 128})); got != want {
		t.Errorf("the environment is %q", got)
	}
	if got := p.memory(t, 64, 8, step{opFill, 64, 1, 8}, step{opArgsSizes, 64, 68}); !bytes.Equal(got, make([]byte, 8)) {
		t.Errorf("the arguments' sizes are %x", got)
	}
	read := []step{{opPoke, 64, 128}, {opPoke, 68, 100}, {opPoke, 72, 99}, {opRead, 0, 64, 1, 72}}
	if got := p.memory(t, 72, 4, read...); p.peek(t, read...) != 0 || le.Uint32(got) != 0 {
		t.Errorf("reading gave %d bytes", le.Uint32(got))
	}
	for _, fd := range []int{3, 4} { // 0 to 2 are the standard ones
		if errno := p.peek(t, step{opPrestat, fd, 64}); errno == 0 {
			t.Errorf("descriptor %d is a directory", fd)
		}
	}
}

// TestWASI: what there is answers well, and what there is not is answered with an
// error number, the same that a program gets elsewhere.
func TestWASI(t *testing.T) {
	var log channeltest.Log
	p := compile(t, newTestEngine(t, Config{Logger: log.Logger()}), "served/wasi", Limits{})
	res, err := p.Join(t.Context(), event("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const badf, inval, nosys = 8, 28, 52
	want := []uint32{
		0, 0, 0, 0, // arguments and environment
		0, 0, 0, inval, // clocks
		0,          // random_get
		0, 0, badf, // fd_write to 1, 2 and 3
		0, badf, // fd_read from 0 and 3
		nosys,         // fd_seek
		0, 0, 0, badf, // fd_fdstat_get of 0, 1, 2 and 3
		badf, badf, badf, badf, // what 3 could be
		0,     // sched_yield
		inval, // poll_oneoff for nothing
	}
	var got []uint32
	for data := res.Reply.Payload.Data(); len(data) > 0; data = data[4:] {
		got = append(got, binary.LittleEndian.Uint32(data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the error numbers are\n%v, want\n%v", got, want)
	}
	if log.Count("msg=line") != 2 {
		t.Errorf("the log is\n%s", log.String())
	}
}
