package host_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/wasm"
)

func TestMain(m *testing.M) {
	host.CompilerMain() // to be a child that compiles
	goleak.VerifyTestMain(m)
}

// open lets everyone in and tells leaves why channels ended.
func open(leaves chan<- channel.LeaveKind) channel.Handler {
	return channel.Funcs{
		Name:     "open",
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			leaves <- ev.Leave
			return channel.Result{}, nil
		},
	}.Handler()
}

func join(t *testing.T, c *phxclient.Client, topic string) *phxclient.Channel {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ch, _, err := c.Join(ctx, topic, phx.Payload{})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// TestNewListsEveryFault guards that one run tells all there is to mend.
func TestNewListsEveryFault(t *testing.T) {
	bad := &host.Plugin{Name: "bad", Module: []byte("no module")}
	_, err := host.New(host.Config{Routes: []host.Route{
		{Pattern: "a:*", Plugin: bad},
		{Pattern: "b*c", Plugin: bad},
		{Pattern: "neither"},
		{Pattern: "both", Handler: open(nil), Plugin: bad},
	}})
	if err == nil {
		t.Fatal("New took a route without a handler")
	}
	for _, want := range []string{"plugin bad cannot be served", `"b*c"`, `"neither"`, `"both"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "plugin bad cannot be served"); n != 1 {
		t.Errorf("a plugin that several routes name was compiled %d times", n)
	}
	var module *wasm.ModuleError
	if !errors.As(err, &module) {
		t.Errorf("there is no *wasm.ModuleError in %T", err)
	}
}

func TestNewNeedsRoutes(t *testing.T) {
	if _, err := host.New(host.Config{}); err == nil || !strings.Contains(err.Error(), "no routes") {
		t.Errorf("err = %v", err)
	}
	if _, err := host.New(host.Config{Mount: "socket", Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}}); err == nil {
		t.Error("a mount without a slash was taken")
	}
}

// TestServeHTTPNeedsRun guards that a host serves nothing before Run and after
// its end.
func TestServeHTTPNeedsRun(t *testing.T) {
	h, err := host.New(host.Config{Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}})
	if err != nil {
		t.Fatal(err)
	}
	status := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket/websocket", nil))
		return w.Code
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("before Run: status %d", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	channeltest.Eventually(t, "Run serves", func() bool {
		return status() == http.StatusBadRequest // a plain GET is no handshake
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("after Run: status %d", got)
	}
	if err := h.Run(t.Context()); !errors.Is(err, host.ErrRan) {
		t.Errorf("a second Run: %v", err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown after Run: %v", err)
	}
}

// TestShutdownWithoutRun guards that a host which never ran can be given up.
func TestShutdownWithoutRun(t *testing.T) {
	h, err := host.New(host.Config{Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.Run(t.Context()); !errors.Is(err, host.ErrRan) {
		t.Errorf("Run after Shutdown: %v", err)
	}
}

// TestRunTellsThatTheAddressIsTaken guards that Run ends, and says why.
func TestRunTellsThatTheAddressIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h, err := host.New(host.Config{Addr: l.Addr().String(), Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("err = %v", err)
	}
}

// TestShutdownTellsClientsAndHandlers guards the order of the end: clients see
// 1012, which makes them come back, and each joined channel gets its leave.
func TestShutdownTellsClientsAndHandlers(t *testing.T) {
	leaves := make(chan channel.LeaveKind, 4)
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: open(leaves)}}})
	a := s.Connect(t, phxclient.ClientOptions{})
	first := join(t, a, "one")
	join(t, a, "two")
	if n := s.Subscribers("one"); n != 1 {
		t.Errorf("%d subscribers of one", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if kind := <-leaves; kind != channel.LeaveShutdown {
			t.Errorf("leave was told %d", kind)
		}
	}
	_, err := first.Receive(ctx)
	var closed *phxclient.CloseError
	if !errors.As(err, &closed) || closed.Code != 1012 {
		t.Errorf("the client saw %v, not the close code 1012", err)
	}
	if n := s.Subscribers("one"); n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
}

// TestShutdownCutsOffWhatHangs guards that a handler which does not return is
// told by its context, and that Shutdown does not wait for ever.
func TestShutdownCutsOffWhatHangs(t *testing.T) {
	entered := make(chan struct{})
	hanging := channel.Funcs{JoinFunc: func(ctx context.Context, _ *channel.Event) (channel.Result, error) {
		close(entered)
		<-ctx.Done()
		return channel.Result{}, ctx.Err()
	}}.Handler()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Config{Listener: l, Grace: 50 * time.Millisecond, Routes: []host.Route{{Pattern: "*", Handler: hanging}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	c, err := phxclient.Dial(t.Context(), "ws://"+l.Addr().String()+"/socket", phxclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if err := c.Send(t.Context(), phx.Frame{Data: []byte(`["1","1","slow","phx_join",{}]`)}); err != nil {
		t.Fatal(err)
	}
	<-entered
	cancel()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Run returned %v, want one line that says what happened", err)
	}
}

// TestShutdownCutsOffARunThatIsEnding guards that Shutdown keeps its deadline
// although the end of Run's context has started the shutdown, with more patience.
func TestShutdownCutsOffARunThatIsEnding(t *testing.T) {
	told := make(chan struct{})
	leaving := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(ctx context.Context, _ *channel.Event) (channel.Result, error) {
			close(told)
			<-ctx.Done()
			return channel.Result{}, ctx.Err()
		},
	}.Handler()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Config{Listener: l, Grace: time.Hour, Routes: []host.Route{{Pattern: "*", Handler: leaving}}})
	if err != nil {
		t.Fatal(err)
	}
	run, endRun := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(run) }()
	client, err := phxclient.Connect(t.Context(), "ws://"+l.Addr().String()+"/socket", phxclient.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	join(t, client, "a")
	endRun()
	<-told
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("Run does not say that it was cut off")
	}
}

// TestMountAndFallback guards that the host leaves all other paths alone.
func TestMountAndFallback(t *testing.T) {
	s := hosttest.Start(t, host.Config{
		Mount:    "/live/socket/",
		Routes:   []host.Route{{Pattern: "*", Handler: open(make(chan channel.LeaveKind, 1))}},
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("page " + r.URL.Path)) }),
	})
	s.Socket = strings.TrimSuffix(s.Socket, "/")
	join(t, s.Connect(t, phxclient.ClientOptions{}), "a")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/elsewhere", nil))
	if w.Body.String() != "page /elsewhere" {
		t.Errorf("fallback: %q", w.Body)
	}
}

// TestSlashes guards that clients reach their transport whose address ends in a
// slash, as in Phoenix: new Socket("/socket/") asks for /socket//websocket.
func TestSlashes(t *testing.T) {
	s := hosttest.Start(t, host.Config{
		Mounts:   []host.Mount{{Path: "/live/socket"}},
		Routes:   []host.Route{{Pattern: "*", Handler: open(make(chan channel.LeaveKind, 1))}},
		Fallback: http.NotFoundHandler(),
	})
	for _, c := range []struct {
		path   string
		status int
	}{
		{"/socket//websocket", 101},
		{"/socket/websocket/", 101},
		{"//socket/websocket", 101},
		{"/live//socket//websocket//", 101},
		{"/socket//longpoll", 200},
		{"/live/socket/longpoll/", 200},
		{"/socket/web//socket", 307},
		{"/socket//websocket/more", 307},
		{"/live//websocket", 307},
		{"/socket%2F/websocket", 404},
		{"//", 307},
		{"/", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL, err = req.URL.Parse(s.URL + c.path + "?vsn=2.0.0"); err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			req.Header.Set(k, v)
		}
		client := &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.path, res.StatusCode, c.status)
		}
	}
}
