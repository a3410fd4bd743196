package host

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/channel"
)

// TestPeer shows whom the host takes for the client, behind two kinds of trusted
// proxies: 10.0.0.0/8 and fd00::/8.
func TestPeer(t *testing.T) {
	trusted, err := Proxies([]string{"10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		xff = headerXForwardedFor
		fwd = headerForwarded
	)
	for _, tc := range []struct {
		remote, header string
		lines          string // separated by |
		want           string
	}{
		// Nobody in between, or nobody who is trusted.
		{"192.0.2.7:999", xff, "", "192.0.2.7"},
		{"192.0.2.7:999", xff, "198.51.100.1", "192.0.2.7"},
		{"192.0.2.7:999", xff, "10.0.0.1", "192.0.2.7"},
		{"192.0.2.7:999", fwd, "for=198.51.100.1", "192.0.2.7"},
		{"[2001:db8::7]:999", xff, "198.51.100.1", "2001:db8::7"},
		{"[::ffff:192.0.2.7]:999", xff, "", "192.0.2.7"},
		{"[fe80::1%eth0]:999", xff, "198.51.100.1", "fe80::1"},
		{"@", xff, "198.51.100.1", "@"},
		{"", xff, "198.51.100.1", ""},
		// A proxy, and a chain of them.
		{"10.0.0.1:999", xff, "", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100.1", "198.51.100.1"},
		{"[::ffff:10.0.0.1]:999", xff, "198.51.100.1", "198.51.100.1"},
		{"[fd00::1]:999", xff, "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, "198.51.100.1, 10.2.3.4", "198.51.100.1"},
		{"10.0.0.1:999", xff, "198.51.100.1,10.2.3.4,fd00::2", "198.51.100.1"},
		{"10.0.0.1:999", xff, "198.51.100.1|10.2.3.4", "198.51.100.1"},
		{"10.0.0.1:999", xff, "10.9.9.9, 10.2.3.4", "10.9.9.9"},
		// What the client wrote stands further left.
		{"10.0.0.1:999", xff, "203.0.113.66, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, "203.0.113.66|198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, "10.6.6.6, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, "\"', \x00<script>, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, strings.Repeat("1.1.1.1,", 9999) + "198.51.100.1", "198.51.100.1"},
		// Ports and IPv6.
		{"10.0.0.1:999", xff, "198.51.100.1:4711", "198.51.100.1"},
		{"10.0.0.1:999", xff, "2001:db8::1", "2001:db8::1"},
		{"10.0.0.1:999", xff, "[2001:db8::1]", "2001:db8::1"},
		{"10.0.0.1:999", xff, "[2001:DB8:0::1]:4711", "2001:db8::1"},
		{"10.0.0.1:999", xff, "::ffff:198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", xff, "\t198.51.100.1 ", "198.51.100.1"},
		{"10.0.0.1:999", xff, "198.51.100.1, ::ffff:10.2.3.4", "198.51.100.1"},
		// What is no address ends it where the last one was: further left is what
		// nobody vouches for.
		{"10.0.0.1:999", xff, "198.51.100.1, unknown", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100.1, unknown, 10.2.3.4", "10.2.3.4"},
		{"10.0.0.1:999", xff, "198.51.100.1,", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100.1,,10.2.3.4", "10.2.3.4"},
		{"10.0.0.1:999", xff, "198.51.100.1:", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100.1:80:80", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100.01", "10.0.0.1"},
		{"10.0.0.1:999", xff, "198.51.100", "10.0.0.1"},
		{"10.0.0.1:999", xff, "3325256705", "10.0.0.1"},
		{"10.0.0.1:999", xff, "localhost", "10.0.0.1"},
		{"10.0.0.1:999", xff, "[198.51.100.1]", "10.0.0.1"},
		{"10.0.0.1:999", xff, "[2001:db8::1", "10.0.0.1"},
		{"10.0.0.1:999", xff, "2001:db8::1]", "10.0.0.1"},
		{"10.0.0.1:999", xff, "[2001:db8::1]80", "10.0.0.1"},
		{"10.0.0.1:999", xff, "2001:db8::1%eth0", "10.0.0.1"},
		{"10.0.0.1:999", xff, "\"198.51.100.1\"", "10.0.0.1"},
		{"10.0.0.1:999", xff, "for=198.51.100.1", "10.0.0.1"},
		// Forwarded.
		{"10.0.0.1:999", fwd, "for=198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", fwd, "For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"},
		{"10.0.0.1:999", fwd, "proto=https; for=198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:999", fwd, `for="198.51.100.1:4711"`, "198.51.100.1"},
		{"10.0.0.1:999", fwd, `for="[2001:db8::1]"`, "2001:db8::1"},
		{"10.0.0.1:999", fwd, `for="[2001:db8::1]:_x"`, "2001:db8::1"},
		{"10.0.0.1:999", fwd, "for=198.51.100.1, for=10.2.3.4", "198.51.100.1"},
		{"10.0.0.1:999", fwd, "for=198.51.100.1|for=10.2.3.4", "198.51.100.1"},
		{"10.0.0.1:999", fwd, "for=203.0.113.66, for=198.51.100.1;proto=http", "198.51.100.1"},
		{"10.0.0.1:999", fwd, `for=198.51.100.1;host="a,b;for=1.1.1.1"`, "198.51.100.1"},
		{"10.0.0.1:999", fwd, `for="203.0.113.66, for=198.51.100.1`, "198.51.100.1"},
		{"10.0.0.1:999", fwd, `for="203.0.113.66, for="[2001:db8::1]:80"`, "2001:db8::1"},
		{"10.0.0.1:999", fwd, `x=", for=198.51.100.1;by="10.0.0.1"`, "198.51.100.1"},
		{"10.0.0.1:999", fwd, "for=_hidden", "10.0.0.1"},
		{"10.0.0.1:999", fwd, "for=unknown, for=10.2.3.4", "10.2.3.4"},
		{"10.0.0.1:999", fwd, "proto=https", "10.0.0.1"},
		{"10.0.0.1:999", fwd, "for=1.1.1.1;for=198.51.100.1", "10.0.0.1"},
		{"10.0.0.1:999", fwd, `for="198.51.100.1\"";proto=http`, "10.0.0.1"},
		{"10.0.0.1:999", fwd, `for="198.51.100.1`, "10.0.0.1"},
		{"10.0.0.1:999", fwd, "198.51.100.1", "10.0.0.1"},
		{"10.0.0.1:999", fwd, "for", "10.0.0.1"},
		{"10.0.0.1:999", fwd, ";;;=,=;", "10.0.0.1"},
	} {
		p, err := newPeers(trusted, strings.ToLower(tc.header))
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{}}
		if tc.lines != "" {
			r.Header[tc.header] = strings.Split(tc.lines, "|")
		}
		// The field that the proxy does not write, it passes on.
		other := map[string]string{xff: fwd, fwd: xff}[tc.header]
		r.Header.Set(other, map[string]string{xff: "203.0.113.99", fwd: "for=203.0.113.99"}[other])
		if got := p.of(r).name; got != tc.want {
			t.Errorf("from %s with %s: %.60q: the peer is %s, want %s", tc.remote, tc.header, tc.lines, got, tc.want)
		}
	}
}

// Trusting everybody is possible, and nobody the default.
func TestPeerOfNobody(t *testing.T) {
	r := &http.Request{RemoteAddr: "10.0.0.1:999", Header: http.Header{headerXForwardedFor: {"198.51.100.1"}}}
	for _, tc := range []struct {
		trusted []netip.Prefix
		want    string
	}{
		{nil, "10.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, "198.51.100.1"},
		{[]netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, "198.51.100.1"},
		{[]netip.Prefix{netip.MustParsePrefix("::/0")}, "10.0.0.1"},
		{[]netip.Prefix{{}}, "10.0.0.1"},
	} {
		p, err := newPeers(tc.trusted, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := p.of(r).name; got != tc.want {
			t.Errorf("trusting %v: the peer is %s, want %s", tc.trusted, got, tc.want)
		}
	}
}

func TestProxies(t *testing.T) {
	got, err := Proxies([]string{"10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"})
	if err != nil || len(got) != 4 || got[1].Bits() != 32 || got[3].Bits() != 128 {
		t.Errorf("%v, %v", got, err)
	}
	_, err = Proxies([]string{"10.0.0.0/8", "10.0.0.1/8", "proxy.example", "10.0.0.0/33", "", "fe80::1%eth0"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"10.0.0.1/8" has bits set behind the /8: did you mean 10.0.0.0/8?`, `"proxy.example" is no network: expected 10.0.0.0/8`, `"10.0.0.0/33"`, `"" is`, `"fe80::1%eth0"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

// FuzzPeer: whatever stands left of what a trusted proxy wrote changes nothing,
// and the peer is always an address.
func FuzzPeer(f *testing.F) {
	for _, seed := range []string{"", "1.1.1.1", `for="`, `for="[::1]", `, `x="\`, ",,,", `";for=1.1.1.1`, "10.0.0.2", "for=10.0.0.2"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, hostile string, standard bool) {
		header, wrote := headerXForwardedFor, "198.51.100.1"
		if standard {
			header, wrote = headerForwarded, `proto=https;for="198.51.100.1:80"`
		}
		p, err := newPeers(trusted, header)
		if err != nil {
			t.Fatal(err)
		}
		for _, lines := range [][]string{{hostile + "," + wrote}, {hostile, wrote}} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{header: lines}}
			if got := p.of(r).name; got != "198.51.100.1" {
				t.Errorf("behind %q: %s", lines, got)
			}
		}
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{header: {hostile}}}
		if _, err := netip.ParseAddr(p.of(r).name); err != nil {
			t.Errorf("behind %q: %v", hostile, err)
		}
	})
}

// TestWhatStandsForAPlace: what one person may well have several of is one place, and
// all that have none are one.
func TestWhatStandsForAPlace(t *testing.T) {
	p, err := newPeers(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	stand := func(addr string) channel.Peer { return p.stand(peer{addr, netip.MustParseAddr(addr)}) }
	for addr, same := range map[string]bool{"192.0.2.1": true, "192.0.2.2": false, "192.0.3.1": false, "2001:db8::": false, "127.0.0.1": false} {
		if got := stand(addr) == stand("192.0.2.1"); got != same {
			t.Errorf("%q is the place of 192.0.2.1: %v", addr, got)
		}
	}
	if a := stand("2001:db8:0:1::1"); a != stand("2001:db8:0:1:ffff::2") || a == stand("2001:db8:0:2::1") || a == 0 {
		t.Error("of IPv6, the first 64 bits are the place")
	}
	if p.stand(peer{name: "@"}) != 0 || stand("127.0.0.1") != 0 || stand("::1") != 0 {
		t.Error("what has no place has one")
	}
}
