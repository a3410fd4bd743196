package main

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

func expect(t *testing.T, o chhosttest.Outcome, lines ...string) {
	t.Helper()
	if got, want := o.String(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func topic() *chhosttest.Channel {
	return &chhosttest.Channel{Plugin: Slow{}, Topic: "slow:1"}
}

func TestInit(t *testing.T) {
	expect(t, topic().Init(), "accept_binary")
}

func TestJoin(t *testing.T) {
	expect(t, topic().Join(`{}`), "reply ok {}")
	expect(t, topic().Join(`{"rounds":1000,"crash":false}`), "reply ok {}")
	expect(t, topic().Join(`{"rounds":-1}`), "reply ok {}")
	expect(t, topic().Join(`{"rounds":1000,"crash":true}`), "crash: panic: slow: crashed while joining, as asked")
}

func TestHandleIn(t *testing.T) {
	expect(t, topic().HandleIn("echo", `{"rounds":1000}`), `reply ok {"rounds":1000}`)
	expect(t, topic().HandleIn("crash", `{}`), "crash: panic: slow: crashed, as asked")
	expect(t, topic().HandleIn("else", `{"b":1}`), `broadcast else {"b":1}`, "reply ok {}")
	expect(t, topic().HandleInBytes("else", []byte{255, 0}), `broadcast else "\xff\x00"`, "reply ok {}")
	expect(t, topic().HandleInBytes("echo", []byte{1, 2}), `reply ok "\x01\x02"`)
}

// The count is the channel's own: it goes on from event to event, and begins
// anew with another membership.
func TestCount(t *testing.T) {
	for range 2 {
		c := topic()
		c.Join(`{}`)
		expect(t, c.HandleIn("count", `{}`), `assign {"count":1}`, `reply ok {"count":1}`)
		expect(t, c.HandleIn("count", `{}`), `assign {"count":2}`, `reply ok {"count":2}`)
	}
}

func TestRounds(t *testing.T) {
	for payload, want := range map[chhost.JSON]int64{
		``:                            0, // of bytes
		`{}`:                          0,
		`{"rounds":"many"}`:           0,
		`{"rounds":12}`:               12,
		`{"rounds":1000000001}`:       maxRounds,
		`{"rounds":9000000000000000}`: maxRounds,
	} {
		if got := rounds(payload); got != want {
			t.Errorf("%s: %d rounds, want %d", payload, got, want)
		}
	}
}

// The rounds are done, one by one: these are the first numbers of the generator.
func TestWork(t *testing.T) {
	for rounds, want := range []uint64{1, 0x40822041, 0x100041060c011441} {
		if got := work(int64(rounds)); got != want {
			t.Errorf("after %d rounds: %#x, want %#x", rounds, got, want)
		}
	}
}

func TestLeave(t *testing.T) {
	for _, reason := range []chhost.LeaveReason{chhost.Left, chhost.Closed, chhost.Replaced, chhost.Failed} {
		expect(t, topic().Leave(reason), "broadcast_from left {}")
	}
}
