package config

import (
	"os"
	"path/filepath"

	"github.com/chhost/chhost/host"
)

// The headings of the documentation.
const (
	groupServed    = "What is served"
	groupTenants   = "Tenants"
	groupListening = "Where, and to whom"
	groupTLS       = "TLS"
	groupPressure  = "What clients may use"
	groupGuests    = "What plugins may use"
	groupEnd       = "The end"
	groupOperation = "Operation"
)

// Serve is the table of chhost serve; other commands that serve share rows of it.
func Serve() Table {
	var all Table
	for _, rows := range []Table{servedRows(), tenantRows(), listeningRows(), tlsRows(), pressureRows(), guestRows(), endRows(), operationRows()} {
		all = append(all, rows...)
	}
	return all
}

func servedRows() Table {
	return Table{
		{Name: "config", Group: groupServed, FlagOnly: true, Usage: "read what is not given as a flag, nor in the environment, from `FILE` (chhost config doc shows one)"},
		{Name: "route", Group: groupServed, Kind: Texts, Path: PathAtEqual, Example: []string{"rooms:lobby=lobby.wasm", "rooms:*=room.wasm"}, Usage: "send topics that match to a plugin, `PATTERN=FILE`; the first match wins"},
		{Name: "connect", Group: groupServed, Path: WholePath, Example: []string{"auth.wasm"}, Usage: "let the plugin in `FILE` decide about new sockets"},
		{Name: "connect-header", Group: groupServed, Kind: Texts, Example: []string{"x-tenant"}, Usage: "tell it the request's header field `NAME`, such as x-tenant"},
		{Name: "set", Group: groupServed, Kind: Texts, Example: []string{"greeting=hello"}, Usage: "a setting that the plugin reads, `KEY=VALUE`"},
		{Name: "cache", Group: groupServed, Path: WholePath, Default: defaultCache(), DefaultText: "the user's cache directory", Example: []string{"/var/cache/chhost"}, Usage: "keep compiled plugins in `DIR`"},
		{Name: "cache-limit", Group: groupServed, Kind: Size, Default: "4GiB", Usage: "keep at most `SIZE` of them there, about: what nobody has used for longest is removed, and compiled anew when it is needed"},
	}
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "chhost")
}

func listeningRows() Table {
	return Table{
		{Name: "addr", Group: groupListening, Default: "127.0.0.1:4000", Usage: "listen on `HOST:PORT`; port 0 takes a free one"},
		{Name: "mount", Group: groupListening, Kind: Texts, Default: host.DefaultMount, Usage: "clients connect to `PATH`, or poll PATH/longpoll"},
		{Name: "host", Group: groupListening, Kind: Texts, DefaultText: "all names", Example: []string{"chat.example.com"}, Usage: "answer to the name `NAME` only, such as chat.example.com or *.example.com, and to addresses"},
		{Name: "origin", Group: groupListening, Kind: Texts, Example: []string{"https://example.com"}, Usage: "let pages of `ORIGIN` connect besides those of this host, such as https://example.com or //*.example.com"},
		{Name: "trusted-proxy", Group: groupListening, Kind: Texts, Example: []string{"10.0.0.0/8"}, Usage: "believe the proxies in `CIDR`, such as 10.0.0.0/8, whom they connect for"},
		{Name: "proxy-header", Group: groupListening, Default: "X-Forwarded-For", Usage: "where those say it: `NAME` is X-Forwarded-For or Forwarded"},
	}
}

func tlsRows() Table {
	return Table{
		{Name: "tls-cert", Group: groupTLS, Path: WholePath, Example: []string{"cert.pem"}, Usage: "serve wss:// and https:// with the certificate in `FILE`, in PEM with its chain; read again when it changes"},
		{Name: "tls-key", Group: groupTLS, Path: WholePath, Example: []string{"key.pem"}, Usage: "the key of that certificate is in `FILE`, in PEM"},
		{Name: "acme-host", Group: groupTLS, Kind: Texts, Example: []string{"chat.example.com"}, Usage: "obtain and renew a certificate for `NAME` by ACME, such as chat.example.com, and agree to the authority's terms; clients and the authority reach --addr at port 443 of it (TLS-ALPN-01)"},
		{Name: "acme-cache", Group: groupTLS, Path: WholePath, Example: []string{"/var/lib/chhost"}, Usage: "keep the keys and certificates of --acme-host in `DIR`"},
		{Name: "acme-email", Group: groupTLS, Example: []string{"ops@example.com"}, Usage: "let the authority write to `ADDRESS`"},
		{Name: "acme-directory", Group: groupTLS, DefaultText: "Let's Encrypt", Example: []string{"https://ca.example.com/directory"}, Usage: "the authority is the one at `URL`"},
	}
}

func pressureRows() Table {
	return Table{
		{Name: "connections", Group: groupPressure, Kind: Texts, DefaultText: "total=100000, peer=1000, longpoll=50000", Example: []string{"total=5000", "peer=100"}, Usage: "how many clients may be connected, in all, from one address (this machine's aside) and by long-polling, as `total|peer|longpoll=N`, the first two also off"},
		{Name: "rate", Group: groupPressure, Kind: Texts, DefaultText: "frames=2000/10000, bytes=8MiB/32MiB, joins=50/500", Example: []string{"frames=200/1000"}, Usage: "what one client may send in a second, and at once, as `frames|bytes|joins=N[/BURST]`, or off"},
		{Name: "outbox", Group: groupPressure, Kind: Size, Default: "1MiB", Usage: "let up to `SIZE` wait for a client that reads slowly: 1MiB, 512KiB or a number of bytes"},
		{Name: "slow-client", Group: groupPressure, Kind: Texts, DefaultText: "close", Example: []string{"cursors:*=conflate"}, Usage: "what is done when more waits: close, drop-oldest or conflate, of all topics or as `[PATTERN=]POLICY`; the first match wins"},
		{Name: "compression", Group: groupPressure, Kind: Switch, Usage: "compress messages of 256 bytes and more for WebSocket clients that offer it; costs processor time"},
	}
}

func guestRows() Table {
	return Table{
		{Name: "limit", Group: groupGuests, Kind: Texts, Example: []string{"fuel=100M", "memory=16MiB"}, Usage: "what a plugin may use, `NAME=VALUE` such as fuel=100M, memory=16MiB or wait=500ms"},
		{Name: "fuel-per-second", Group: groupGuests, Kind: Number, DefaultText: "as much as there is", Example: []string{"5000000000"}, Usage: "let all plugins together use `N` fuel in a second, about one for each instruction"},
		{Name: "guest-memory", Group: groupGuests, Kind: Size, DefaultText: "as much as there is", Example: []string{"8GiB"}, Usage: "let all plugins together have `SIZE` of memory: 8GiB, 512MiB or a number of bytes"},
		{Name: "tenant-memory", Group: groupGuests, Kind: Size, Default: "512MiB", Usage: "let the plugins of one tenant have `SIZE` of memory"},
		{Name: "guest-slots", Group: groupGuests, Kind: Number, DefaultText: "one less than there are processors", Example: []string{"2"}, Usage: "let `N` plugins at once compute for long; those that answer soon need none"},
	}
}

func endRows() Table {
	return Table{
		{Name: "drain-delay", Group: groupEnd, Kind: Time, Default: "0s", Usage: "when asked to stop, say so at /readyz for this `TIME` and go on, so that load balancers notice"},
		{Name: "drain-window", Group: groupEnd, Kind: Time, Default: host.DefaultDrainWindow.String(), Usage: "then close many sockets a few at a time, within this `TIME`"},
		{Name: "grace", Group: groupEnd, Kind: Time, Default: host.DefaultGrace.String(), Usage: "stop within this `TIME`, all in all"},
	}
}

func operationRows() Table {
	return Table{
		{Name: "metrics-addr", Group: groupOperation, Example: []string{"127.0.0.1:9464"}, Usage: "serve /metrics and /tenant-metrics for Prometheus at `HOST:PORT`, to whoever can reach it"},
		{Name: "log-format", Group: groupOperation, Default: "auto", Usage: "log in `FORMAT`: text, json, or auto, which is text at a terminal and else json; text has colours at a terminal that shows them"},
		{Name: "log-level", Group: groupOperation, Default: "info", Usage: "log what is of `LEVEL` or above it: debug, info, warn, error"},
		{Name: "verbose", Alias: "v", Group: groupOperation, Kind: Switch, Usage: "log everything, as with the level debug"},
	}
}
