package host_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
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
	joins := func(url string, header http.Header, topic string, longPoll bool) string {
		t.Helper()
		c, err := phxclient.Connect(ctx, url, phxclient.ClientOptions{Options: phxclient.Options{Header: header, LongPoll: longPoll}})
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
		{atTenant(server, "nobody"), nil, "any", "unknown_tenant"},
		{atTenant(server, "default"), http.Header{"Host": {"acme.example.com"}}, "any", "tenant_mismatch"},
	} {
		for _, longPoll := range []bool{false, true} {
			want := tt.want
			if longPoll && tt.want != "joined" && tt.want != "unmatched topic" {
				want = "403" // all that a client that polls is told
			}
			if got := joins(tt.url, tt.header, tt.topic, longPoll); !strings.Contains(got, want) {
				t.Errorf("%s %v %s, long-polling %v: %s, want %s", tt.url, tt.header, tt.topic, longPoll, got, want)
			}
		}
	}
}

// refusal is what a client of a tenant is told that may not connect.
func refusal(t *testing.T, server *hosttest.Server, name string) string {
	t.Helper()
	conn, err := phxclient.Dial(t.Context(), atTenant(server, name), phxclient.Options{})
	if err != nil {
		return err.Error()
	}
	conn.Abort()
	return "connected"
}

// refuses fails the test unless what a client is told has all of these.
func refuses(t *testing.T, server *hosttest.Server, name string, want ...string) {
	t.Helper()
	told := refusal(t, server, name)
	for _, part := range want {
		if !strings.Contains(told, part) {
			t.Errorf("a client of %s is told %s, want %s", name, told, part)
		}
	}
}

// closeCode waits for the end of a connection.
func closeCode(t *testing.T, w *wire) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	for {
		if _, err := w.Receive(ctx); err != nil {
			var closed *phxclient.CloseError
			if !errors.As(err, &closed) {
				t.Fatal(err)
			}
			return closed.Code
		}
	}
}

// The clients of a suspended tenant are closed so that they come back, and are refused
// with the reason until it is resumed; those of others notice nothing.
func TestSuspend(t *testing.T) {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	acme, other := settle(t, server, "acme", assembled(t, "served/echo")), settle(t, server, "other", assembled(t, "served/echo"))
	client := dialTenant(t, server, "acme")
	client.join("a")
	bystander := dialTenant(t, server, "other")
	bystander.join("a")
	if _, err := acme.Suspend(t.Context(), tenant.Request{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if code := closeCode(t, client); code != 1013 {
		t.Errorf("the client saw the close code %d", code)
	}
	refuses(t, server, "acme", "503", "tenant_suspended", "retry_after_ms")
	bystander.send(`["1","2","a","echo",{}]`)
	bystander.expect(`[null,null,"a","echo",{}]`)
	if _, err := acme.Resume(t.Context(), tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	dialTenant(t, server, "acme").join("a")
	if n := other.Drain(t.Context(), time.Millisecond); n != 1 {
		t.Errorf("%d sockets were drained", n)
	}
	if code := closeCode(t, bystander); code != 1012 {
		t.Errorf("the drained client saw the close code %d", code)
	}
}

// What a tenant may have is bounded for itself, in the words that clients know.
func TestTenantsLimits(t *testing.T) {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	acme := settle(t, server, "acme", assembled(t, "served/echo"))
	set := tenant.SettingsOf(acme.Record())
	set.Limits = map[string]int64{"connections": 2, "topics": 3, "channels": 2}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	first, second := dialTenant(t, server, "acme"), dialTenant(t, server, "acme")
	refuses(t, server, "acme", "503", "too_many_connections")
	first.join("a")
	first.join("b")
	first.send(`["1","3","c","phx_join",{}]`)
	first.expect(`["1","3","c","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]`)
	second.join("a") // one of those that there are
	second.join("c")
	first.send(`["1","4","a","phx_leave",{}]`)
	first.next()
	first.next()
	first.send(`["1","5","d","phx_join",{}]`)
	first.expect(`["1","5","d","phx_reply",{"status":"error","response":{"reason":"too_many_topics"}}]`)
	second.send(`["1","6","a","phx_leave",{}]`)
	second.next()
	second.next()
	first.join("d")
	if u := acme.Usage(); u.Connections != 2 || u.Topics != 3 || u.Refused != 1 || u.Frames < 8 || u.SentFrames < 8 || u.Fuel == 0 || u.Memory == 0 || len(u.Versions) != 1 || u.Versions[0].Calls == 0 || u.Versions[0].Channels != 3 {
		t.Errorf("the usage is %+v", u)
	}
	sockets := acme.Sockets()
	at := slices.IndexFunc(sockets, func(s socket.Info) bool { return slices.Equal(s.Topics, []string{"b", "d"}) })
	if len(sockets) != 2 || at < 0 {
		t.Fatalf("the sockets are %+v", sockets)
	}
	if !acme.DisconnectSocket(sockets[at].Number) || acme.DisconnectSocket(sockets[at].Number+100) {
		t.Error("one socket was not closed, or one that there is not")
	}
	if code := closeCode(t, first); code != 1001 {
		t.Errorf("the client saw the close code %d", code)
	}
	channeltest.Eventually(t, "its place is free", func() bool { return acme.Usage().Connections == 1 })
	dialTenant(t, server, "acme")
}

func dialTenant(t *testing.T, server *hosttest.Server, name string) *wire {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	conn, err := phxclient.Dial(ctx, atTenant(server, name), phxclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Abort)
	return &wire{conn, t}
}

// A tenant's origins are its own.
func TestTenantsOrigins(t *testing.T) {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	acme := settle(t, server, "acme", assembled(t, "served/echo"))
	settle(t, server, "other", assembled(t, "served/echo"))
	set := tenant.SettingsOf(acme.Record())
	set.Origins = []string{"https://app.example.com"}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	set.Origins = []string{"app.example.com/path"}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("an origin that is none: %v", err)
	}
	for name, want := range map[string]bool{"acme": true, "other": false} {
		conn, err := phxclient.Dial(t.Context(), atTenant(server, name), phxclient.Options{Header: http.Header{"Origin": {"https://app.example.com"}}})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Abort()
		}
	}
}

// The plugin that decides about a tenant's sockets is loaded when the first one comes;
// before any version of it was deployed, nobody is let in.
func TestTenantsConnector(t *testing.T) {
	store, cache := registry.NewMemory(registry.Config{}), t.TempDir()
	config := func() host.Config { return host.Config{Registry: store, CacheDir: cache} }
	server := hosttest.Start(t, config())
	ctx := t.Context()
	acme, err := server.Tenants().Create(ctx, "acme", tenant.Settings{}, tenant.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, fixture := range []string{"served/relay", "served/echo"} { // relay has a connect, which echo has not
		if _, err := acme.Upload(ctx, tenant.Upload{Plugin: "it", Module: assembled(t, fixture)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := acme.Set(ctx, tenant.Settings{Connect: "it"}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	refuses(t, server, "acme", "503")
	if _, err := acme.Deploy(ctx, "it", tenant.Deploy{Version: 2}); !errors.Is(err, tenant.ErrNoConnect) {
		t.Errorf("a connector without connect: %v", err)
	}
	if _, err := acme.Deploy(ctx, "it", tenant.Deploy{Version: 1}); err != nil {
		t.Fatal(err)
	}
	want := refusal(t, server, "acme")
	server.Stop(t)
	again := hosttest.Start(t, config())
	acme, _ = again.Tenants().Tenant("acme")
	if v, err := acme.Versions("it"); err != nil || v[0].Loaded {
		t.Fatalf("after a restart there is %+v, %v", v, err)
	}
	if got := refusal(t, again, "acme"); got != want || acme.Usage().Versions[0].Calls != 1 {
		t.Errorf("a client was told %q before the restart, and %q after it; the usage is %+v", want, got, acme.Usage())
	}
	if want != "connected" && !strings.Contains(want, "401") {
		t.Errorf("the connector was not asked: %s", want)
	}
}

// A token may name the tenant, and may not contradict the path.
func TestTenantClaim(t *testing.T) {
	server := hosttest.Start(t, host.Config{
		Registry: registry.NewMemory(registry.Config{}),
		TenantClaim: func(r *http.Request, _ string) (string, error) {
			if claim := r.Header.Get("X-Claim"); claim != "bad" {
				return claim, nil
			}
			return "", errors.New("forged")
		},
	})
	settle(t, server, "acme", assembled(t, "served/echo"))
	for _, tt := range []struct{ url, claim, want string }{
		{server.Socket, "acme", ""},
		{atTenant(server, "acme"), "acme", ""},
		{atTenant(server, "default"), "acme", "tenant_mismatch"},
		{server.Socket, "nobody", "unknown_tenant"},
		{server.Socket, "bad", "403"},
	} {
		conn, err := phxclient.Dial(t.Context(), tt.url, phxclient.Options{Header: http.Header{"X-Claim": {tt.claim}}})
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s with %q: %v, want %q", tt.url, tt.claim, err, tt.want)
		case err == nil:
			w := &wire{conn, t}
			w.join("any")
			w.Abort()
		}
	}
}

// A host that starts again on the same directory serves what it served before.
func TestTenantsOnDisk(t *testing.T) {
	dir := t.TempDir()
	open := func() (*hosttest.Server, registry.Store) {
		store, err := registry.Open(dir, registry.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return hosttest.Start(t, host.Config{Registry: store}), store
	}
	server, store := open()
	acme := settle(t, server, "acme", assembled(t, "served/echo"))
	release(t, acme, assembled(t, "served/renews"), tenant.Deploy{})
	server.Stop(t)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	server, store = open()
	acme, _ = server.Tenants().Tenant("acme")
	dialTenant(t, server, "acme").join("a")
	if topics := acme.Topics(); len(topics) != 1 || topics[0].Handler != "it@2" {
		t.Errorf("after the restart joined are %+v", topics)
	}
	if d, err := acme.Rollback(t.Context(), "it", tenant.Request{}); err != nil || d.Version != "it@1" || d.Moved != 1 {
		t.Errorf("rolled back %+v, %v", d, err)
	}
	server.Stop(t)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// The metrics are those of all tenants, by name on the page that is for that.
func TestTenantsMetrics(t *testing.T) {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	for _, name := range []string{"acme", "other"} {
		settle(t, server, name, assembled(t, "served/echo"))
		dialTenant(t, server, name).join("a")
	}
	page := func(path string) string {
		w := httptest.NewRecorder()
		server.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Body.String()
	}
	byTenant, all := page("/tenant-metrics"), page("/metrics")
	for _, name := range []string{"acme", "other", "default"} {
		if !strings.Contains(byTenant, `tenant="`+name+`"`) {
			t.Errorf("there is nothing of %s:\n%s", name, byTenant)
		}
	}
	if strings.Contains(all, "acme") || !strings.Contains(all, "chhost_frames_received_total 2\n") {
		t.Errorf("of all together there is\n%s", all)
	}
}
