package main

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// configOf is what serve makes of its flags.
func configOf(t *testing.T, flags ...string) (cfg host.Config, err error) {
	t.Helper()
	app := newApp(nil, strings.NewReader(""), io.Discard, io.Discard)
	app.Command("serve").Action = func(c *cli.Context) (err error) {
		cfg, err = serveConfig(c, nil)
		return err
	}
	echo := filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm")
	err = app.Run(append([]string{"chhost", "serve", "--route", "*=" + echo}, flags...))
	return cfg, err
}

// Each flag of serve arrives where the host looks for it; what becomes of it there is
// tested in package host.
func TestServeFlagsArrive(t *testing.T) {
	for _, tc := range []struct {
		flags []string
		field func(host.Config) any
		want  any
	}{
		{[]string{"--connect-header", "x-a", "--connect-header", "x-b"}, func(c host.Config) any { return c.ConnectHeaders }, []string{"x-a", "x-b"}},
		{[]string{"--trusted-proxy", "10.0.0.0/8"}, func(c host.Config) any { return c.TrustedProxies }, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		{nil, func(c host.Config) any { return c.ProxyHeader }, "X-Forwarded-For"},
		{[]string{"--proxy-header", "Forwarded"}, func(c host.Config) any { return c.ProxyHeader }, "Forwarded"},
		{[]string{"--host", "a.example"}, func(c host.Config) any { return c.Hosts }, []string{"a.example"}},
		{nil, func(c host.Config) any { return c.Compression }, false},
		{[]string{"--compression"}, func(c host.Config) any { return c.Compression }, true},
		{[]string{"--tls-cert", "c.pem", "--tls-key", "k.pem"}, func(c host.Config) any { return c.CertFile + " " + c.KeyFile }, "c.pem k.pem"},
		{nil, func(c host.Config) any { return c.Limits.Outbox }, socket.DefaultOutbox},
		{[]string{"--outbox", "64KiB"}, func(c host.Config) any { return c.Limits.Outbox }, 64 << 10},
		{[]string{"--slow-client", "conflate"}, func(c host.Config) any { return c.Limits.Slow }, []tenant.SlowRule{{Pattern: "*", Target: socket.SlowConflate}}},
		{[]string{"--rate", "joins=2/3"}, func(c host.Config) any { return c.Limits.Rates.Joins }, socket.Rate{PerSecond: 2, Burst: 3}},
		{nil, func(c host.Config) any { return []time.Duration{c.DrainDelay, c.DrainWindow, c.Grace} }, []time.Duration{0, host.DefaultDrainWindow, host.DefaultGrace}},
		{
			[]string{"--drain-delay", "3s", "--drain-window", "7s", "--grace", "20s"},
			func(c host.Config) any { return []time.Duration{c.DrainDelay, c.DrainWindow, c.Grace} },
			[]time.Duration{3 * time.Second, 7 * time.Second, 20 * time.Second},
		},
		{[]string{"--drain-window", "0s"}, func(c host.Config) any { return c.DrainWindow > 0 && c.DrainWindow < time.Millisecond }, true}, // 0 would be the default
		{[]string{"--origin", "https://a.example"}, func(c host.Config) any {
			return c.CheckOrigin(&http.Request{Host: "b.example", Header: http.Header{"Origin": {"https://a.example"}}})
		}, true},
	} {
		cfg, err := configOf(t, tc.flags...)
		if err != nil {
			t.Errorf("%q: %v", tc.flags, err)
		} else if got := tc.field(cfg); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: got %v, want %v", tc.flags, got, tc.want)
		}
	}
}

// What cannot be meant is refused, with the name of the flag that it is about.
func TestServeFlagsAreChecked(t *testing.T) {
	for _, tc := range []struct{ flags, says string }{
		{"--tls-cert c.pem", "--tls-cert and --tls-key go together"},
		{"--tls-key k.pem", "--tls-cert and --tls-key go together"},
		{"--admin-tls-cert c.pem", "--admin-tls-cert and --admin-tls-key go together"},
		{"--admin-tls-key k.pem", "--admin-tls-cert and --admin-tls-key go together"},
		{"--trusted-proxy nobody", "--trusted-proxy: "},
		{"--origin nowhere", "--origin: "},
		{"--outbox 0", "--outbox 0 is no size"},
		{"--outbox much", "--outbox much is no size"},
		{"--slow-client wait", "--slow-client: "},
		{"--rate frames=0", "--rate: "},
		{"--drain-delay -1s", "--drain-delay"},
		{"--drain-window -1s", "--drain-window"},
		{"--grace 5s --drain-delay 5s", "--grace 5s leaves no time"},
		{"--grace 0s", "--grace 0s leaves no time"},
	} {
		_, err := configOf(t, strings.Fields(tc.flags)...)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want a fault of usage that says %q", tc.flags, err, tc.says)
		}
	}
}
