package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

func TestParseSlow(t *testing.T) {
	got, err := parseSlow([]string{"a=b:*=conflate", "drop-oldest"})
	want := []tenant.SlowRule{{Pattern: "a=b:*", Target: socket.SlowConflate}, {Pattern: "*", Target: socket.SlowDropOldest}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "drop", "a:*=", "=close", "a*b=close"} {
		if got, err := parseSlow([]string{bad}); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func TestParseRates(t *testing.T) {
	got, err := parseRates([]string{"frames=200/1000", "bytes=64KiB", "joins=off"})
	want := socket.Rates{Frames: socket.Rate{PerSecond: 200, Burst: 1000}, Bytes: socket.Rate{PerSecond: 64 << 10}, Joins: socket.Rate{PerSecond: -1}}
	if err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "frames", "frames=", "frames=0", "frames=-1", "frames=1/", "frames=1/0", "frames=1/2/3", "events=1", "bytes=1TiB", "bytes=99999999999", "joins=1.5"} {
		if got, err := parseRates([]string{bad}); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		} else if !strings.Contains(err.Error(), "=N") {
			t.Errorf("%q: the error does not say what is expected: %v", bad, err)
		}
	}
}

func TestParseConnections(t *testing.T) {
	got, err := parseConnections([]string{"total=5000", "peer=off", "longpoll=7", "total=6000"})
	if want := (host.Connections{Total: 6000, Peer: -1, LongPoll: 7}); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "total", "total=", "total=0", "total=-1", "peer=1k", "longpoll=off", "address=1", "peer=99999999999", "100"} {
		if got, err := parseConnections([]string{bad}); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		} else if !strings.Contains(err.Error(), "=N") {
			t.Errorf("%q: the error does not say what is expected: %v", bad, err)
		}
	}
}
