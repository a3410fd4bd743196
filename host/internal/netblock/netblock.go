// Package netblock says whose connections are counted together where one client is to
// have so many and no more.
package netblock

import "net/netip"

// Of is the network of an address whose clients count together: an IPv4 address, or the
// /64 of an IPv6 address, which is what one subscriber gets at least (RFC 6177). It is not
// valid for addresses of this machine and for none.
func Of(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.IsLoopback() {
		return netip.Prefix{}
	}
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		panic("BUG: " + err.Error()) // it has as many bits
	}
	return network
}
