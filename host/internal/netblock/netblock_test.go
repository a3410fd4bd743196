package netblock_test

import (
	"net/netip"
	"testing"

	"github.com/chhost/chhost/host/internal/netblock"
)

func TestOf(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.7": "198.51.100.7/32", "::ffff:198.51.100.7": "198.51.100.7/32",
		"2001:db8::1": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64",
		"127.0.0.1": "invalid Prefix", "::1": "invalid Prefix", "::ffff:127.0.0.1": "invalid Prefix",
	} {
		if got := netblock.Of(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
	if netblock.Of(netip.Addr{}).IsValid() {
		t.Error("no address is of a network")
	}
}
