package phx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]error{
		"rooms:lobby": nil, "a": nil, " ": nil, "é😀": nil, "\u0080\u009f\u2028\ufeff": nil, `"\/`: nil, name255: nil,
		"": phx.ErrNameLength, name256: phx.ErrNameLength, strings.Repeat("é", 128): phx.ErrNameLength,
		"a\xff": phx.ErrNotUTF8, "\xed\xa0\x80": phx.ErrNotUTF8,
		"\x00": phx.ErrNameControl, "a\nb": phx.ErrNameControl, "\x1f": phx.ErrNameControl, "é\x7f": phx.ErrNameControl,
	} {
		if err := phx.CheckName(name); err != want {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
}

func TestReservedEvent(t *testing.T) {
	for event, want := range map[string]bool{
		"phx_join": true, "phx_close": true, "phx_": true, "phx_anything": true, "presence_state": true, "presence_diff": true,
		"": false, "phx": false, "PHX_join": false, "heartbeat": false, "presence_": false, "presence_states": false, "new:msg": false, " phx_close": false,
	} {
		if phx.ReservedEvent(event) != want {
			t.Errorf("%q: %v, want %v", event, !want, want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	for vsn, want := range map[string]phx.Serializer{
		"": phx.V1(), "1.0.0": phx.V1(), "1.0.1": phx.V1(), "1.0.99": phx.V1(),
		"2.0.0": phx.V2(), "2.0.7": phx.V2(), "2.0.0+build.01": phx.V2(), "2.0.1-rc.1": phx.V2(), "1.0.1-0": phx.V1(), "2.0.1--": phx.V2(), "2.0.3-a-b+c-d": phx.V2(),
	} {
		s, err := phx.Negotiate(vsn)
		if err != nil || s != want {
			t.Errorf("%q: %v, %v, want %s", vsn, s, err, want.Version())
		}
	}
	for _, vsn := range []string{
		"0.9.0", "1.1.0", "2.1.0", "3.0.0", "2.1.0-rc.1", "2.0.0-rc.1", "1.0.0-0", "2.0.0-rc+b",
		"1", "2", "2.0", "2.0.0.0", "v2.0.0", "02.0.0", "2.00.0", "2.0.01", "2.0.", ".0.0", "2..0", "-2.0.0", "+2.0.0", "2.0.0-", "2.0.0+", "2.0.1-01", "2.0.1-a..b",
		"2.0.1-é", "2.0.0+a+b", "2.0.0+a_b", " 2.0.0", "2.0.0 ", "2.0.x", "2.0.\x00", "~> 2.0.0", "latest", "null", "2e0.0.0", "0x2.0.0",
		"18446744073709551618.0.0", strings.Repeat("2", 8192),
	} {
		if s, err := phx.Negotiate(vsn); s != nil || !errors.Is(err, phx.ErrVersion) {
			t.Errorf("%.40q: %v, %v, want ErrVersion", vsn, s, err)
		}
	}
	for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
		if got, err := phx.Negotiate(s.Version()); err != nil || got != s || !strings.Contains(phx.ErrVersion.Error(), s.Version()) {
			t.Errorf("%s does not negotiate itself (%v), or ErrVersion does not name it", s.Version(), err)
		}
	}
}
