package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// connect opens a connection and returns the error, which is the server's answer
// if it refused.
func connect(t *testing.T, s *hosttest.Server, opts phxclient.Options) (*phxclient.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := phxclient.Connect(ctx, s.Socket, phxclient.ClientOptions{Options: opts})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func expectRefused(t *testing.T, err error, status int, body string) {
	t.Helper()
	var refused *phxclient.HandshakeError
	if !errors.As(err, &refused) || refused.Status != status || string(refused.Body) != body {
		t.Errorf("got %v, want status %d and the body %q", err, status, body)
	}
}

// relays are the host's two kinds of socket plugin, which do the same.
func relays(t *testing.T) map[string]host.Config {
	plugin := &host.Plugin{Name: "relay", Module: assembled(t, "served/relay")}
	native := channeltest.Relay("relay@1")
	return map[string]host.Config{
		"wasm":   {Routes: []host.Route{{Pattern: "*", Plugin: plugin}}, Connect: plugin},
		"native": {Routes: []host.Route{{Pattern: "*", Handler: native}}, ConnectHandler: native},
	}
}

func TestConnect(t *testing.T) {
	for kind, cfg := range relays(t) {
		t.Run(kind, func(t *testing.T) {
			cfg.ConnectHeaders = []string{"x-who"}
			s := hosttest.Start(t, cfg)
			c, err := connect(t, s, phxclient.Options{Params: url.Values{"who": {"jo"}}})
			if err != nil {
				t.Fatal(err)
			}
			joined, _, err := c.Join(t.Context(), "a", phx.Payload{})
			if err != nil {
				t.Fatal(err)
			}
			reply, err := joined.Push(t.Context(), "whoami", phx.Payload{})
			if err != nil || string(reply.Payload.Data()) != `{"user":"jo"}` {
				t.Errorf("the socket's assigns are %s, %v", reply.Payload.Data(), err)
			}
			refused := []phxclient.Options{
				{Params: url.Values{"who": {"intruder"}}}, {Header: http.Header{"X-Who": {"intruder"}}}, {Header: http.Header{"User-Agent": {"intruder"}}},
				{Header: http.Header{"Sec-Websocket-Protocol": {"phoenix, base64url.bearer.phx.aW50cnVkZXI"}}},
			}
			for _, o := range refused {
				_, err = connect(t, s, o)
				expectRefused(t, err, http.StatusForbidden, `{"reason":"unauthorized"}`)
			}
			_, err = connect(t, s, phxclient.Options{Params: url.Values{"app": {"outdated"}}})
			expectRefused(t, err, http.StatusUnauthorized, `{"status":401,"reason":"outdated"}`)
			for _, name := range []string{"Cookie", "X-Other", "X-Forwarded-For", "Forwarded"} {
				if _, err := connect(t, s, phxclient.Options{Header: http.Header{name: {"intruder"}}}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// connecting is a native handler whose Connect the test writes.
func connecting(f func(*channel.Event) (channel.Result, error)) channel.Handler {
	return channel.Funcs{
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: channeltest.JSON(fmt.Sprintf("%q", ev.SocketAssigns))}}, nil
		},
		ConnectFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) { return f(ev) },
	}.Handler()
}

// TestConnectIsTold shows everything that a connector knows of a connection.
func TestConnectIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("%q %q %s %s", ev.Topic, ev.Event, ev.SocketAssigns, ev.Payload.Data()))
		return channel.Result{}, nil
	})
	s := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h, ConnectHeaders: []string{"x-tenant", "X-Absent"},
	})
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	if _, err := connect(t, s, phxclient.Options{
		Params: url.Values{"user[name]": {"Jo \"1\""}, "user[tags][]": {"a", "b"}},
		Header: http.Header{
			"Origin": {s.URL}, "Cookie": {"secret=1"}, "X-Tenant": {"acme", "<b>"}, "X-Other": {"1"}, "User-Agent": {"Mozilla/5.0 (\xff)"},
			"X-Forwarded-For": {"198.51.100.1"}, "Sec-Websocket-Protocol": {"phoenix, base64url.bearer.phx.dDBr"},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, s, phxclient.Options{OmitVersion: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, s, phxclient.Options{OmitVersion: true, Params: url.Values{"vsn": {"mine", "2.0.7"}}}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"" "" {} {"auth_token":"t0k","claims":null,"headers":{"x-tenant":"acme, <b>"},"origin":"` + s.URL + `","params":{"user":{"name":"Jo \"1\"","tags":["a","b"]},"vsn":"2.0.0"},` +
			`"peer":"127.0.0.1","transport":"websocket","uri":{"host":"127.0.0.1","path":"/socket/websocket","port":` + port + `,"query":"user%5Bname%5D=Jo+%221%22&user%5Btags%5D%5B%5D=a&user%5Btags%5D%5B%5D=b&vsn=2.0.0","scheme":"http"},` +
			`"user_agent":"Mozilla/5.0 (\ufffd)","vsn":"2.0.0"}`,
		`"" "" {} {"auth_token":"","claims":null,"headers":{},"origin":"","params":{},"peer":"127.0.0.1","transport":"websocket",` +
			`"uri":{"host":"127.0.0.1","path":"/socket/websocket","port":` + port + `,"query":"","scheme":"http"},"user_agent":"Go-http-client/1.1","vsn":"1.0.0"}`,
		`"" "" {} {"auth_token":"","claims":null,"headers":{},"origin":"","params":{"vsn":"2.0.7"},"peer":"127.0.0.1","transport":"websocket",` +
			`"uri":{"host":"127.0.0.1","path":"/socket/websocket","port":` + port + `,"query":"vsn=mine&vsn=2.0.7","scheme":"http"},"user_agent":"Go-http-client/1.1","vsn":"2.0.7"}`,
	}
	if got := strings.Join(told, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the connector was told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestConnectAnswers shows what becomes of each result.
func TestConnectAnswers(t *testing.T) {
	reply := func(status phx.Status, text string) channel.Reply {
		return channel.Reply{Status: status, Payload: channeltest.JSON(text)}
	}
	refusal := func(text string) channel.Result {
		return channel.Result{Status: channel.StatusError, Reply: reply(phx.StatusError, text)}
	}
	for _, tc := range []struct {
		name    string
		res     channel.Result
		err     error
		status  int // 0: let in
		body    string
		assigns string
	}{
		{name: "nothing", assigns: `{}`},
		{name: "assigns", res: channel.Result{Do: []channel.Effect{channel.Assign([]byte("a")), channel.Assign([]byte(`{"b":1}`))}}, assigns: `{"b":1}`},
		{name: "an id", res: channel.Result{Reply: reply(phx.StatusOK, `{"id":"users:7"}`)}, assigns: `{}`},
		{name: "a reply without an id", res: channel.Result{Reply: reply(phx.StatusOK, `{"other":7}`)}, assigns: `{}`},
		{name: "an id that is a number", res: channel.Result{Reply: reply(phx.StatusOK, `{"id":7}`)}, status: 500},
		{name: "an id that is empty", res: channel.Result{Reply: reply(phx.StatusOK, `{"id":""}`)}, status: 500},
		{name: "an id with a line break", res: channel.Result{Reply: reply(phx.StatusOK, `{"id":"a\nb"}`)}, status: 500},
		{name: "a reply that is no object", res: channel.Result{Reply: reply(phx.StatusOK, `["users:7"]`)}, status: 500},
		{name: "refused", res: channel.Result{Status: channel.StatusError}, status: 403},
		{name: "refused with a reason", res: channel.Result{Status: channel.StatusError, Reply: reply(phx.StatusError, `{"reason":"banned"}`)}, status: 403, body: `{"reason":"banned"}`},
		{name: "refused with bytes", res: channel.Result{Status: channel.StatusError, Reply: channel.Reply{Status: phx.StatusError, Payload: phx.Bytes([]byte{1})}}, status: 403, body: "\x01"},
		{name: "refused with a text", res: refusal(`"no"`), status: 403, body: `"no"`},
		{name: "refused with a list", res: refusal(`[{"status":401}]`), status: 403, body: `[{"status":401}]`},
		{name: "refused with 400", res: refusal(`{"status":400}`), status: 400, body: `{"status":400}`},
		{name: "refused with 401", res: refusal(`{"status":401,"reason":"expired"}`), status: 401, body: `{"status":401,"reason":"expired"}`},
		{name: "refused with 429", res: refusal(` {"reason":"slow down", "status": 429 } `), status: 429, body: ` {"reason":"slow down", "status": 429 } `},
		{name: "refused with 503", res: refusal(`{"status":503}`), status: 503, body: `{"status":503}`},
		{name: "refused with 599", res: refusal(`{"status":599}`), status: 599, body: `{"status":599}`},
		{name: "refused with a status of its own kind", res: refusal(`{"status":"error"}`), status: 403, body: `{"status":"error"}`},
		{name: "refused with a status that is null", res: refusal(`{"status":null}`), status: 403, body: `{"status":null}`},
		{name: "refused with a status in another case", res: refusal(`{"Status":401}`), status: 403, body: `{"Status":401}`},
		{name: "refused with 101", res: refusal(`{"status":101}`), status: 500},
		{name: "refused with 200", res: refusal(`{"status":200}`), status: 500},
		{name: "refused with 302", res: refusal(`{"status":302}`), status: 500},
		{name: "refused with 399", res: refusal(`{"status":399}`), status: 500},
		{name: "refused with 600", res: refusal(`{"status":600}`), status: 500},
		{name: "refused with a negative status", res: refusal(`{"status":-404}`), status: 500},
		{name: "refused with a fraction", res: refusal(`{"status":404.5}`), status: 500},
		{name: "refused with an exponent", res: refusal(`{"status":4e2}`), status: 500},
		{name: "refused with very much", res: refusal(`{"status":99999999999999999999}`), status: 500},
		{name: "let in with a status", res: channel.Result{Reply: reply(phx.StatusOK, `{"status":401}`)}, assigns: `{}`},
		{name: "a push", res: channel.Result{Do: []channel.Effect{channel.Push("x", phx.Payload{})}}, status: 500},
		{name: "failed", err: errors.New("no database"), status: 500},
		{name: "busy", err: &channel.Refusal{Reason: phx.ReasonBusy}, status: 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := connecting(func(*channel.Event) (channel.Result, error) { return tc.res, tc.err })
			s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
			c, err := connect(t, s, phxclient.Options{})
			if tc.status != 0 {
				expectRefused(t, err, tc.status, tc.body)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, response, err := c.Join(t.Context(), "a", phx.Payload{})
			if want := fmt.Sprintf("%q", tc.assigns); err != nil || string(response.Data()) != want {
				t.Errorf("the socket's assigns are %s, %v; want %s", response.Data(), err, want)
			}
		})
	}
}

// TestConnectIsNotAskedByForeignPages: what is refused anyway must not make a
// guest run.
func TestConnectIsNotAskedByForeignPages(t *testing.T) {
	asked := false
	h := connecting(func(*channel.Event) (channel.Result, error) {
		asked = true
		return channel.Result{}, nil
	})
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
	_, err := connect(t, s, phxclient.Options{Header: http.Header{"Origin": {"https://evil.example"}}})
	expectRefused(t, err, http.StatusForbidden, "")
	if asked {
		t.Error("the connector was asked")
	}
}

// TestConnectParams shows the params' notation and its bounds.
func TestConnectParams(t *testing.T) {
	var params json.RawMessage
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		var info struct{ Params json.RawMessage }
		err := json.Unmarshal(ev.Payload.Data(), &info)
		params = info.Params
		return channel.Result{}, err
	})
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
	many := strings.Repeat("a=1&", 65)
	for _, tc := range []struct{ query, want string }{
		{"", `{}`},
		{"a=1&b=&c", `{"a":"1","b":"","c":""}`},
		{"a%5Bb%5D=1&a[c]=2", `{"a":{"b":"1","c":"2"}}`},
		{"a[]=1&a[]=2", `{"a":["1","2"]}`},
		{"a[b][c][d]=1", `{"a":{"b":{"c":{"d":"1"}}}}`},
		{"a[][x]=1&a[][y]=2", `{"a":[{"x":"1","y":"2"}]}`},
		{"a[][x]=1&a[][x]=2", `{"a":[{"x":"2"}]}`},
		{"a[][]=1&a[][]=2&a[]=3", `{"a":[["1","2"],"3"]}`},
		{"a[][b][]=1", `{"a":[{"b":["1"]}]}`},
		{"a[]&a[]=", `{"a":["",""]}`},
		{"a[0]=x&a[1]=y", `{"a":{"0":"x","1":"y"}}`},
		{"a[b]=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"&a=1&&b=2&", `{"a":"1","b":"2"}`},
		{"=1", `{"":"1"}`},
		{"a=1=2", `{"a":"1=2"}`},
		{"a=1&a=2", `{"a":"2"}`},
		{"a=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"a[b]=1&a=2", `{"a":"2"}`},
		{"a[b]=1&a[]=2", `{"a":["2"]}`},
		// The rest of Plug.Conn.Query's cases: the later kind of two decides, and a name
		// stands where it was first seen.
		{"a[]=1&a[b]=2", `{"a":{"b":"2"}}`},
		{"a[]=1&a[b]=2&a[]=3", `{"a":["1","3"]}`},
		{"a[b]=1&a=2&a[c]=3", `{"a":"2"}`},
		{"a[b][][c]=2&a[b]=1", `{"a":{"b":"1"}}`},
		{"a[b][0][c]=2&a[b]=1", `{"a":{"b":"1"}}`},
		{"a[b]=1&a[b][c]=2", `{"a":{"b":{"c":"2"}}}`},
		{"a[b=1&]b[=2&[c]=3&d]=4&e[f]g=5", `{"a[b":"1","]b[":"2","[c]":"3","d]":"4","e[f]g":"5"}`},
		{"a[b[c]]=1&d[]e[]=2&f[g]]=3", `{"a":{"b[c]":"1"},"d":{"]e[":"2"},"f":{"g]":"3"}}`},
		{"__proto__[x]=1", `{"__proto__":{"x":"1"}}`},
		{"a=%C3%A9+%22", `{"a":"é \""}`},
		{"a[b][c][d][e]=1", ""},
		{"a=%FF", ""},
		{"%FF=1", ""},
		{"a=%zz", ""},
		{many, ""},
		{strings.TrimSuffix(many, "a=1&"), `{"a":"1"}`},
		{"a=" + strings.Repeat("x", 8<<10), ""},
	} {
		name := tc.query[:min(len(tc.query), 40)]
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+host.DefaultMount+"/websocket?"+tc.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			req.Header.Set(k, v)
		}
		params = nil
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		switch {
		case tc.want == "" && res.StatusCode != http.StatusBadRequest:
			t.Errorf("%s: status %d, want 400", name, res.StatusCode)
		case tc.want != "" && !sameJSON(params, tc.want):
			t.Errorf("%s: status %d, params %s, want %s", name, res.StatusCode, params, tc.want)
		}
	}
}

func sameJSON(a []byte, b string) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

func TestConnectConfiguration(t *testing.T) {
	echo := &host.Plugin{Name: "echo", Module: assembled(t, "served/echo")}
	for _, cfg := range []host.Config{
		{ConnectHeaders: []string{"X-Tenant", "cookie"}}, {ConnectHeaders: []string{"Set-Cookie"}}, {ConnectHeaders: []string{"Cookie2"}}, {ConnectHeaders: []string{"X Tenant"}}, {ConnectHeaders: []string{""}},
		{ProxyHeader: "X-Real-IP"},
	} {
		if _, err := host.New(cfg); err == nil || strings.Contains(err.Error(), "routes") {
			t.Errorf("%q, %q: %v", cfg.ConnectHeaders, cfg.ProxyHeader, err)
		}
	}
	relay := &host.Plugin{Name: "relay", Module: assembled(t, "served/relay")}
	routes := []host.Route{{Pattern: "*", Plugin: echo}}
	if _, err := host.New(host.Config{Routes: routes, Connect: echo}); !errors.Is(err, host.ErrNoConnect) {
		t.Errorf("a plugin without connect: %v", err)
	}
	if _, err := host.New(host.Config{Routes: routes, ConnectHandler: channel.Funcs{JoinFunc: connecting(nil).Join}.Handler()}); !errors.Is(err, host.ErrNoConnect) {
		t.Errorf("a handler without connect: %v", err)
	}
	if _, err := host.New(host.Config{Routes: routes, Connect: relay, ConnectHandler: connecting(nil)}); err == nil {
		t.Error("two connectors were accepted")
	}
	broken := &host.Plugin{Name: "broken", Module: assembled(t, "refused/join_missing")}
	if _, err := host.New(host.Config{Routes: []host.Route{{Pattern: "*", Plugin: broken}}, Connect: broken}); err == nil || strings.Count(err.Error(), "broken") != 1 {
		t.Errorf("a plugin that cannot be served should be named once: %v", err)
	}
}

// A socket plugin is replaced like any other; one that may lack connect lets
// everybody in when it does.
func TestConnectIsDeployed(t *testing.T) {
	echo := &host.Plugin{Name: "dev", Module: assembled(t, "served/echo")}
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Plugin: echo}}, Connect: echo, ConnectOptional: true})
	intruder := phxclient.Options{Params: url.Values{"who": {"intruder"}}}
	if _, err := connect(t, s, intruder); err != nil {
		t.Fatal(err)
	}
	relay := &host.Plugin{Module: assembled(t, "served/relay")}
	if _, err := s.Deploy(t.Context(), echo, relay); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, s, intruder)
	expectRefused(t, err, http.StatusForbidden, `{"reason":"unauthorized"}`)

	strict := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Plugin: relay}}, Connect: relay})
	if _, err := strict.Deploy(t.Context(), relay, &host.Plugin{Module: assembled(t, "served/echo")}); !errors.Is(err, host.ErrNoConnect) {
		t.Errorf("a version without connect: %v", err)
	}
	// The version after decides, and so does the rule that it needs connect.
	next := &host.Plugin{Module: assembled(t, "served/relay")}
	if _, err := strict.Deploy(t.Context(), relay, next); err != nil {
		t.Fatal(err)
	}
	if _, err := strict.Deploy(t.Context(), next, &host.Plugin{Module: assembled(t, "served/echo")}); !errors.Is(err, host.ErrNoConnect) {
		t.Errorf("a third version without connect: %v", err)
	}
	_, err = connect(t, strict, intruder)
	expectRefused(t, err, http.StatusForbidden, `{"reason":"unauthorized"}`)
}
