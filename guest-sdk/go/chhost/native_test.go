//go:build !wasip1

package chhost

import (
	"bytes"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// What a callback is handed must not change when the next event overwrites the
// region.
func TestStringsAreCopies(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	region = bytes.Repeat([]byte("x"), 100)
	s := span{addr: base + 10, len: 5}
	copied, name := s.copy(), s.name()
	copy(region, strings.Repeat("y", 100))
	if copied != "xxxxx" || name != "xxxxx" {
		t.Errorf("the copies changed to %q and %q", copied, name)
	}
	if got := s.name(); got != "yyyyy" {
		t.Errorf("the next name is %q, want yyyyy", got)
	}
}

// Names that fall on the same slot replace each other and are never confused.
func TestNamesAreExact(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	for range 2 {
		for _, name := range []string{"ab", "bb", "aab", "rooms:1", "rooms:2", "sooms:1", strings.Repeat("é", 127), "\x00", ""} {
			region = []byte("-" + name)
			if got := (span{addr: base + 1, len: uint32(len(name))}).name(); got != name {
				t.Errorf("name is %q, want %q", got, name)
			}
		}
	}
}

// A later host may tell of what this package does not know; the answer is OK.
func TestUnknownInfo(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	called := 0
	c := newChannel(informed{calls: &called})
	for kind, want := range map[uint32]int{0: 0, infoTimer: 1, infoBroadcast: 1, infoBroadcast + 1: 0, 1 << 31: 0} {
		called = 0
		if status := c.call(callbackHandleInfo, layOut(double.Event{Topic: "t", Event: "e", Payload: "{}", Kind: kind})); status != statusOK || called != want {
			t.Errorf("kind %d: status %d, HandleInfo was called %d times, want %d", kind, status, called, want)
		}
	}
}

type informed struct {
	joinOnly
	calls *int
}

func (i informed) HandleInfo(*Socket, Info) InfoResult {
	*i.calls++
	return OK
}

// What a plugin lacks is answered so that nothing changes, if a host asks.
func TestAbsentCallbacksChangeNothing(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	c := newChannel(joinOnly{})
	for callback, want := range map[uint32]int32{
		callbackLeave: statusOK, callbackHandleIn: statusOK, callbackHandleOut: statusPass,
		callbackHandleInfo: statusOK, callbackUpgrade: statusOK, callbackConnect: statusOK,
	} {
		if got := c.call(callback, layOut(double.Event{Topic: "t", Kind: infoTimer})); got != want {
			t.Errorf("callback %d: status %d, want %d", callback, got, want)
		}
	}
}

func TestWithoutHost(t *testing.T) {
	Log(LevelDebug, "a line of the log, from where there is no host")
	mustPanic(t, "package chhosttest runs callbacks", func() { hostPush("x", "", 0) })
}

// Copies that share a piece of memory do not overlap, and stay when the region is
// overwritten.
func TestCopiesStay(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	region = make([]byte, 2*maxShort)
	var copies []string
	for n := range 2 * maxShort {
		for i := range n {
			region[i] = byte(n)
		}
		copies = append(copies, span{addr: base, len: uint32(n)}.copy())
	}
	for n, got := range copies {
		if want := strings.Repeat(string([]byte{byte(n)}), n); got != want {
			t.Fatalf("the copy of %d bytes has become %x", n, got)
		}
	}
}
