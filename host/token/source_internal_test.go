package token

import "testing"

// TestPublicOnly: no spelling of an address leads into this machine or its networks.
func TestPublicOnly(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.215.14:443": true, "[2606:2800:21f:cb07::1]:443": true, "[::ffff:93.184.215.14]:443": true,

		"127.0.0.1:443": false, "127.8.9.10:443": false, "0.0.0.0:443": false, "0.0.0.1:443": false,
		"10.1.2.3:443": false, "172.16.0.1:443": false, "172.31.255.255:443": false, "192.168.1.1:443": false,
		"169.254.169.254:80": false, "100.64.0.1:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false, "240.0.0.1:443": false,
		"[::1]:443": false, "[::]:443": false, "[fe80::1%eth0]:443": false, "[fd00::1]:443": false, "[ff02::1]:443": false,
		"[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false, "[::127.0.0.1]:443": false,
		"[64:ff9b::7f00:1]:443": false, "[2002:7f00:1::]:443": false,
		"localhost:443": false, "": false,
	} {
		if err := publicOnly(address); (err == nil) != public {
			t.Errorf("%s: got %v, want that it is public: %v", address, err, public)
		}
	}
}
