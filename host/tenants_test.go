package host_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// settle makes a tenant whose topics are all one plugin's.
func settle(t testing.TB, server *hosttest.Server, name string, module []byte) *tenant.Tenant {
	t.Helper()
	ctx := t.Context()
	tn, err := server.Tenants().Create(ctx, name, tenant.Settings{Hosts: []string{name + ".example.com"}}, tenant.Request{By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tn.Upload(ctx, tenant.Upload{Plugin: "it", Module: module}); err != nil {
		t.Fatal(err)
	}
	if _, err := tn.PutRoutes(ctx, []registry.Route{{Pattern: "*", Plugin: "it"}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := tn.Deploy(ctx, "it", tenant.Deploy{}); err != nil {
		t.Fatal(err)
	}
	return tn
}

// atTenant is where the clients of a tenant connect, by the path.
func atTenant(server *hosttest.Server, name string) string {
	return strings.Replace(server.Socket, "/socket", "/t/"+name+"/socket", 1)
}

// What a tenant uploads and deploys is what its clients get, and nobody else, by the
// path and by the host name, beside what the configuration serves.
func TestTenantsOfARegistry(t *testing.T) {
	server := hosttest.Start(t, host.Config{
		Registry: registry.NewMemory(registry.Config{}),
		Routes:   []host.Route{{Pattern: "native", Handler: nativeEcho()}},
	})
	settle(t, server, "acme", assembled(t, "served/echo"))
	ctx := t.Context()
	joins := func(url string, header http.Header, topic string) string {
		t.Helper()
		c, err := phxclient.Connect(ctx, url, phxclient.ClientOptions{Options: phxclient.Options{Header: header}})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		if _, _, err := c.Join(ctx, topic, phx.Payload{}); err != nil {
			return err.Error()
		}
		return "joined"
	}
	for _, tt := range []struct {
		url    string
		header http.Header
		topic  string
		want   string // a part of it
	}{
		{atTenant(server, "acme"), nil, "any", "joined"},
		{server.Socket, http.Header{"Host": {"acme.example.com"}}, "any", "joined"},
		{server.Socket, nil, "any", "unmatched topic"},
		{server.Socket, nil, "native", "joined"},
		{atTenant(server, "nobody"), nil, "any", "404"},
	} {
		if got := joins(tt.url, tt.header, tt.topic); !strings.Contains(got, tt.want) {
			t.Errorf("%s %v %s: %s, want %s", tt.url, tt.header, tt.topic, got, tt.want)
		}
	}
}
