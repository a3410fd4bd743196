package tenant_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// named is a handler that says who it is, when it is joined and asked.
func named(name string) channel.Handler {
	who := func(context.Context, *channel.Event) (channel.Result, error) {
		return channel.Result{
			Do:    []channel.Effect{channel.Broadcast("here", phx.Payload{})},
			Reply: channel.Reply{Status: phx.StatusOK, Payload: channeltest.JSON(`"` + name + `"`)},
		}, nil
	}
	return channel.Funcs{Name: name, JoinFunc: who, HandleInFunc: who}.Handler()
}

// conn is a socket of a tenant whose frames the test takes out by hand.
type conn struct {
	*socket.Socket
	tenant *tenant.Tenant
}

func connect(t testing.TB, tn *tenant.Tenant) *conn {
	cfg := tn.Socket()
	cfg.Encoder = &phx.Encoder{Serializer: phx.V2()}
	cfg.Wake = func() {}
	c := &conn{socket.New(cfg), tn}
	t.Cleanup(func() {
		c.Close(socket.End{}, socket.LeaveClosed)
		if err := tn.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// answers sends frames and returns what comes back.
func (c *conn) answers(t testing.TB, frames ...string) (answers []string) {
	t.Helper()
	for _, f := range frames {
		if err := c.HandleFrame(t.Context(), phx.Frame{Data: []byte(f)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.tenant.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		batch, _ := c.Next(nil)
		if len(batch) == 0 {
			return answers
		}
		for _, f := range batch {
			answers = append(answers, string(f))
		}
	}
}

const here = `[null,null,"a:1","here",{}]`

func ok(ref, response string) string {
	return `["1","` + ref + `","a:1","phx_reply",{"status":"ok","response":` + response + `}]`
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the client was sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func newTenant(t *testing.T, cfg tenant.Config) *tenant.Tenant {
	t.Helper()
	if cfg.PubSub == nil {
		cfg.PubSub = pubsub.New(nil)
	}
	tn, err := tenant.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tn
}

func TestDefaultTenant(t *testing.T) {
	ps := pubsub.New(nil)
	tn := newTenant(t, tenant.Config{PubSub: ps, Routes: []tenant.Route{{Pattern: "a:*", Target: named("x")}}})
	if tn.Name() != tenant.Default {
		t.Errorf("its name is %q", tn.Name())
	}
	connect(t, tn).answers(t, `["1","1","a:1","phx_join",{}]`)
	if got := ps.Subscribers(pubsub.Topic{Namespace: tenant.Default, Name: "a:1"}); got != 1 {
		t.Errorf("%d subscribers in its namespace, want 1", got)
	}
}

// The first pattern that matches wins; a topic that none matches cannot be
// joined.
func TestRoutes(t *testing.T) {
	tn := newTenant(t, tenant.Config{Routes: []tenant.Route{
		{Pattern: "a:1", Target: named("one")}, {Pattern: "a:*", Target: named("all")}, {Pattern: "a:2", Target: named("never")},
	}})
	for topic, want := range map[string]string{"a:1": "one", "a:2": "all", "a:": "all"} {
		if h, ok := tn.Route(topic); !ok || h.Traits().Name != want {
			t.Errorf("%s goes to %v", topic, h)
		}
	}
	if _, ok := tn.Route("b"); ok {
		t.Error("a topic without a route has one")
	}
}

// Joins follow the routes of their time; who has joined keeps its handler.
func TestSetRoutes(t *testing.T) {
	tn := newTenant(t, tenant.Config{Routes: []tenant.Route{{Pattern: "a:*", Target: named("old")}}})
	c := connect(t, tn)
	const join, ask = `["1","1","a:1","phx_join",{}]`, `["1","2","a:1","who",{}]`
	expect(t, c.answers(t, join), ok("1", `"old"`), here)
	if err := tn.SetRoutes([]tenant.Route{{Pattern: "a:*", Target: named("new")}}); err != nil {
		t.Fatal(err)
	}
	expect(t, c.answers(t, ask), here, ok("2", `"old"`))
	expect(t, c.answers(t, join), ok("1", `"new"`), `["1","1","a:1","phx_close",{}]`, here)
	expect(t, c.answers(t, ask), here, ok("2", `"new"`))

	err := tn.SetRoutes([]tenant.Route{{Pattern: "a*b", Target: named("bad")}, {Pattern: "", Target: named("worse")}})
	if err == nil || !strings.Contains(err.Error(), "tenant default") || !strings.Contains(err.Error(), "a*b") {
		t.Errorf("patterns that are none: %v", err)
	}
	expect(t, c.answers(t, join), ok("1", `"new"`), `["1","1","a:1","phx_close",{}]`, here)
	if err := tn.SetRoutes(nil); err != nil {
		t.Fatal(err)
	}
	expect(t, c.answers(t, ask), here, ok("2", `"new"`))
	expect(t, c.answers(t, join), `[null,"1","a:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
}

// Whose list of routes it is that the tenant was made of changes nothing later.
func TestRoutesAreCopied(t *testing.T) {
	old, next := named("old"), named("new")
	routes := []tenant.Route{{Pattern: "a:*", Target: old}}
	tn := newTenant(t, tenant.Config{Routes: routes})
	routes[0].Pattern = "b:*"
	if _, err := tn.Replace(t.Context(), old, next, func() {}); err != nil {
		t.Fatal(err)
	}
	if h, ok := tn.Route("a:1"); !ok || h.Traits().Name != "new" {
		t.Errorf("a:1 goes to %v, %v", h, ok)
	}
	if _, ok := tn.Route("b:1"); ok {
		t.Error("b:1 has a route")
	}
}

// What a connector says is what the socket is made of.
func TestConnectNamesTheSocket(t *testing.T) {
	connector := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		ConnectFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{
				Do:    []channel.Effect{channel.Assign([]byte("of the socket"))},
				Reply: channel.Reply{Status: phx.StatusOK, Payload: channeltest.JSON(`{"id":"users:7"}`)},
			}, nil
		},
	}.Handler()
	cfg, err := newTenant(t, tenant.Config{Connect: connector}).Connect(t.Context(), 0, phx.Payload{}, nil)
	if err != nil || cfg.ID != "users:7" || string(cfg.Assigns) != "of the socket" {
		t.Errorf("the socket is called %q, with the assigns %q, %v", cfg.ID, cfg.Assigns, err)
	}
}

func TestBadPatterns(t *testing.T) {
	_, err := tenant.New(tenant.Config{Name: "acme", PubSub: pubsub.New(nil), Routes: []tenant.Route{{Pattern: "*a", Target: named("x")}}})
	if err == nil || !strings.Contains(err.Error(), "tenant acme") || !strings.Contains(err.Error(), `*a`) {
		t.Errorf("the error is %v, want one that names the tenant and the pattern", err)
	}
}

// Topics of two tenants have the same names and never meet.
func TestTenantsAreApart(t *testing.T) {
	ps := pubsub.New(nil)
	routes := []tenant.Route{{Pattern: "a:*", Target: named("x")}}
	a := connect(t, newTenant(t, tenant.Config{Name: "a", PubSub: ps, Routes: routes}))
	b := connect(t, newTenant(t, tenant.Config{Name: "b", PubSub: ps, Routes: routes}))
	const join = `["1","1","a:1","phx_join",{}]`
	expect(t, a.answers(t, join), ok("1", `"x"`), here)
	expect(t, b.answers(t, join), ok("1", `"x"`), here)
	expect(t, a.answers(t, `["1","2","a:1","who",{}]`), here, ok("2", `"x"`))
	expect(t, b.answers(t))
}

func TestLimits(t *testing.T) {
	var log channeltest.Log
	tn := newTenant(t, tenant.Config{
		Name: "acme", Limits: tenant.Limits{Channels: 1, Outbox: 500}, Logger: log.Logger(),
		Routes: []tenant.Route{{Pattern: "*", Target: named("x")}},
	})
	c := connect(t, tn)
	c.answers(t, `["1","1","a:1","phx_join",{}]`)
	expect(t, c.answers(t, `["2","2","b","phx_join",{}]`),
		`["2","2","b","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]`)
	c.Send(make([]byte, 300))
	c.Send(make([]byte, 2000))
	if _, end := c.Next(nil); end == nil || end.Code != socket.CloseTryAgainLater {
		t.Errorf("the end is %v, want code 1013", end)
	}
	if log.Count("tenant=acme") != 1 {
		t.Errorf("the log does not say whose client it was:\n%s", &log)
	}
}

// Rates that are not set are bounded too, those below zero are not; and the policy
// for slow clients is that of the first rule that matches a topic.
func TestRatesAndSlowRules(t *testing.T) {
	tn := newTenant(t, tenant.Config{
		Limits: tenant.Limits{
			Outbox: 1000, Rates: socket.Rates{Bytes: socket.Rate{PerSecond: -1}, Frames: socket.Rate{PerSecond: 7}},
			Slow: []tenant.SlowRule{{Pattern: "a:*", Target: socket.SlowConflate}, {Pattern: "*", Target: socket.SlowDropOldest}},
		},
		Routes: []tenant.Route{{Pattern: "*", Target: named("x")}},
	})
	cfg := tn.Socket()
	if want := (socket.Rates{Bytes: socket.Rate{PerSecond: -1}, Frames: socket.Rate{PerSecond: 7}, Joins: socket.Rate{PerSecond: 50, Burst: 500}}); cfg.Rates != want {
		t.Errorf("the rates are %+v, want %+v", cfg.Rates, want)
	}
	for topic, want := range map[string]socket.SlowPolicy{"a:1": socket.SlowConflate, "b": socket.SlowDropOldest} {
		if got := cfg.Slow(topic, "e"); got != want {
			t.Errorf("the policy of %s is %v, want %v", topic, got, want)
		}
	}
	c := connect(t, tn)
	for range 100 {
		c.Broadcast(phx.NewBroadcast("b", "e", phx.Payload{}))
	}
	c.Next(nil)
	if got := tn.Counts().Dropped.Load(); got < 50 {
		t.Errorf("%d frames were counted as dropped", got)
	}
	if _, err := tenant.New(tenant.Config{PubSub: pubsub.New(nil), Limits: tenant.Limits{Slow: []tenant.SlowRule{{Pattern: "a*b"}}}}); err == nil || !strings.Contains(err.Error(), "a*b") {
		t.Errorf("the error is %v, want one that names the pattern", err)
	}
}

// TestUnreachableRoutes guards that a route which no topic can reach does not
// stay unnoticed: the order of routes is easily wrong.
func TestUnreachableRoutes(t *testing.T) {
	var log channeltest.Log
	newTenant(t, tenant.Config{Logger: log.Logger(), Routes: []tenant.Route{
		{Pattern: "rooms:*", Target: named("all")},
		{Pattern: "rooms:lobby", Target: named("lobby")},
	}})
	if log.Count("route=rooms:lobby earlier=rooms:*") != 1 {
		t.Errorf("the log does not name the route:\n%s", &log)
	}
}

// The tenant's clock is what its handlers see, and Wait waits for them.
func TestClockAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon := time.UnixMilli(43_200_000)
		var seen time.Time
		slow := channel.Funcs{JoinFunc: func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
			seen = ev.Now
			<-ctx.Done()
			return channel.Result{}, ctx.Err()
		}}.Handler()
		tn := newTenant(t, tenant.Config{Now: func() time.Time { return noon }, Routes: []tenant.Route{{Pattern: "*", Target: slow}}})
		c := connect(t, tn)
		if err := c.HandleFrame(t.Context(), phx.Frame{Data: []byte(`["1","1","a:1","phx_join",{}]`)}); err != nil {
			t.Fatal(err)
		}
		c.Close(socket.End{}, socket.LeaveShutdown)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := tn.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v, want DeadlineExceeded", err)
		}
		if !seen.Equal(noon) {
			t.Errorf("the handler saw %v", seen)
		}
	})
}

// byValue is a handler that cannot be compared.
type byValue struct {
	channel.Handler
	menu []string
}

// A handler that cannot be told from others is refused by name, before a join
// meets it.
func TestHandlerThatCannotBeCompared(t *testing.T) {
	h := byValue{named("food"), nil}
	_, err := tenant.New(tenant.Config{PubSub: pubsub.New(nil), Routes: []tenant.Route{{Pattern: "food:*", Target: h}}})
	if err == nil || !strings.Contains(err.Error(), `"food:*"`) || !strings.Contains(err.Error(), "byValue") {
		t.Errorf("got %v, want the route and the type", err)
	}
	_, err = tenant.New(tenant.Config{PubSub: pubsub.New(nil), Connect: h})
	if err == nil || !strings.Contains(err.Error(), "connector") {
		t.Errorf("got %v, want the connector", err)
	}
	if _, err := tenant.New(tenant.Config{PubSub: pubsub.New(nil), Routes: []tenant.Route{{Pattern: "food:*", Target: &h}}}); err != nil {
		t.Errorf("a pointer: %v", err)
	}
}
