package host_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/tenant"
)

// What plugins may use together in a second is told to the client whose event is one
// too many, with the time after which there is something again; the channel stays.
func TestFuelPerSecond(t *testing.T) {
	module, err := os.ReadFile("../testdata/guests/served/spins.wasm")
	if err != nil {
		t.Fatal(err)
	}
	server := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "spins:*", Plugin: &host.Plugin{Name: "spins", Module: module}}},
		Limits: tenant.Limits{FuelPerSecond: 10_000},
	})
	w := dial(t, server, phxclient.Options{})
	w.join("spins:1")
	w.send(`["1","2","spins:1","spin",{"thousands":100}]`) // 800,000, which takes 80 s to come back
	w.expect(`["1","2","spins:1","phx_reply",{"status":"ok","response":{}}]`)
	for _, ref := range []string{"3", "4"} {
		w.send(`["1",%q,"spins:1","spin",{}]`, ref)
		want := `["1","` + ref + `","spins:1","phx_reply",{"status":"error","response":{"reason":"tenant_cpu_exhausted","retry_after_ms":`
		if got := w.next(); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
