package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// What becomes of everybody else when clients crash a plugin. Clients say where they
// come from in the header of a proxy.

func poisonable(t *testing.T) *hosttest.Server {
	t.Helper()
	proxies, err := host.Proxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	return hosttest.Start(t, host.Config{
		Routes:         []host.Route{{Pattern: "rooms:*", Plugin: &host.Plugin{Name: "poison", Module: assembled(t, "served/poison")}}},
		TrustedProxies: proxies,
		Logger:         slog.New(slog.DiscardHandler), // each crash is a line or two
	})
}

func at(addr string) phxclient.Options {
	return phxclient.Options{Header: http.Header{"X-Forwarded-For": {addr}}}
}

// poisoner crashes the plugin as often as it can, from one network, with a new
// connection as soon as its joins are refused.
type poisoner struct {
	server *hosttest.Server
	addr   string
	topic  string
}

// crash crashes the plugin n times.
func (p *poisoner) crash(ctx context.Context, n int) error {
	for n > 0 {
		conn, err := phxclient.Dial(ctx, p.server.Socket, at(p.addr))
		if err != nil {
			return err
		}
		for refused := false; n > 0 && !refused && err == nil; {
			if refused, err = p.crashOnce(ctx, conn); !refused {
				n--
			}
		}
		conn.Abort()
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *poisoner) crashOnce(ctx context.Context, conn *phxclient.Conn) (refused bool, err error) {
	ask := func(frame, want string) (string, error) {
		if err := conn.Send(ctx, phx.Frame{Data: fmt.Appendf(nil, frame, p.topic)}); err != nil {
			return "", err
		}
		for {
			f, err := conn.Receive(ctx)
			if err != nil || strings.Contains(string(f.Data), want) {
				return string(f.Data), err
			}
		}
	}
	answer, err := ask(`["1","1",%q,"phx_join",{}]`, "phx_reply")
	if err != nil || strings.Contains(answer, "unavailable") {
		return true, err
	}
	_, err = ask(`["1","2",%q,"boom",{}]`, "phx_error")
	return false, err
}

// onePoisonClient lets a few connections of one network crash the plugin while others
// go on, who must not notice.
func onePoisonClient(t *testing.T, clients, crashes int) {
	t.Helper()
	server := poisonable(t)
	innocent := make([]*wire, clients)
	for i := range innocent {
		innocent[i] = dial(t, server, at(fmt.Sprintf("10.0.%d.%d", i/250, i%250)))
		innocent[i].join("rooms:1")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(crashes)*10*time.Millisecond)
	defer cancel()
	const poisoners = 4
	over := make(chan struct{})
	var wg sync.WaitGroup
	for i := range poisoners {
		wg.Go(func() {
			p := poisoner{server: server, addr: fmt.Sprintf("2001:db8::%x", i+1), topic: fmt.Sprintf("rooms:%d", i)} // one of them where all are
			if err := p.crash(ctx, crashes/poisoners); err != nil {
				t.Errorf("a poisoner: %v", err)
			}
		})
	}
	go func() {
		wg.Wait()
		close(over)
	}()
	answered := 0
	var longest time.Duration
	for last := false; !last; {
		select {
		case <-over:
			last = true // all of them once more
		default:
		}
		for i, w := range innocent {
			asked := time.Now()
			w.send(`["1","e","rooms:1","echo",{"n":%d}]`, i)
			w.expect(`["1","e","rooms:1","phx_reply",{"status":"ok","response":{"n":%d}}]`, i)
			answered++
			longest = max(longest, time.Since(asked))
		}
	}
	plugins, sockets := server.PluginCounts(), server.Counts()
	t.Logf("%d crashes, %d joins refused; %d clients were answered %d times, after %v at the longest", plugins.Crashes.Load(), sockets.FailedJoins.Load(), clients, answered, longest.Round(time.Millisecond))
	if n := plugins.Crashes.Load(); n < int64(crashes/poisoners*poisoners) {
		t.Errorf("%d crashes, want %d", n, crashes)
	}
	if n, m := plugins.Quarantines.Load(), plugins.Refused.Load(); n != 0 || m != 0 {
		t.Errorf("%d quarantines, %d calls refused", n, m)
	}
	if crashes > 100 && sockets.FailedJoins.Load() == 0 {
		t.Error("the poisoners' joins were never refused")
	}
}

func TestOnePoisonClient(t *testing.T) { onePoisonClient(t, 40, 200) }

// TestProofOnePoisonClient is the full form: make proof runs it.
func TestProofOnePoisonClient(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return // its small form above runs always
	}
	onePoisonClient(t, 1000, 20_000)
}

// TestQuarantinedPlugin: a version that many clients crash is not served for a while.
// Who has joined stays, with all that its channel keeps, and is told when to come
// again.
func TestQuarantinedPlugin(t *testing.T) {
	server := poisonable(t)
	member := dial(t, server, at("192.0.2.1"))
	member.join("rooms:1")
	for i := 0; server.PluginCounts().Quarantines.Load() == 0; i++ {
		if i > 100 {
			t.Fatal("100 clients crash the plugin, which is not quarantined")
		}
		// They do not look whether the join succeeded: the last may be refused.
		w := dial(t, server, at(fmt.Sprintf("198.51.100.%d", i)))
		w.send(`["1","1","rooms:2","phx_join",{}]`)
		w.next()
		w.send(`["1","2","rooms:2","boom",{}]`)
		w.next()
	}
	unavailable := func(frame string) bool {
		return strings.Contains(frame, `{"status":"error","response":{"reason":"unavailable","retry_after_ms":`)
	}
	other := dial(t, server, at("192.0.2.2"))
	other.send(`["1","1","rooms:1","phx_join",{}]`)
	if got := other.next(); !unavailable(got) {
		t.Errorf("a join is answered %s", got)
	}
	member.send(`["1","e","rooms:1","echo",{}]`)
	if got := member.next(); !unavailable(got) {
		t.Errorf("an event is answered %s", got)
	}
	channeltest.Eventually(t, "the plugin is served again", func() bool {
		member.send(`["1","e","rooms:1","echo",{}]`)
		got := member.next()
		return !unavailable(got) && strings.Contains(got, `{"status":"ok"`)
	})
	other.join("rooms:1")
}

// TestPoisonedBroadcast: a client whose broadcasts others' channels fail at is the one
// to blame: the plugin is not quarantined, and the client may not go on.
func TestPoisonedBroadcast(t *testing.T) {
	server := poisonable(t)
	poisoner := dial(t, server, at("203.0.113.1"))
	poisoner.join("rooms:1")
	var others []*wire
	for i := range 30 {
		w := dial(t, server, at(fmt.Sprintf("198.51.100.%d", i)))
		w.join("rooms:1")
		others = append(others, w)
	}
	const crashed = `["1","1","rooms:1","phx_error",{"reason":"channel_crash"}]`
	poisoner.send(`["1","2","rooms:1","curse",{}]`)
	for _, w := range others {
		w.expect(crashed)
		w.join("rooms:1")
	}
	poisoner.expect(`["1","2","rooms:1","phx_reply",{"status":"ok","response":{}}]`)
	poisoner.expect(crashed)
	poisoner.send(`["1","1","rooms:9","phx_join",{}]`)
	if got := poisoner.next(); !strings.Contains(got, `{"status":"error","response":{"reason":"unavailable","retry_after_ms":`) {
		t.Errorf("the poisoner's next join is answered %s", got)
	}
	if n := server.PluginCounts().Quarantines.Load(); n != 0 {
		t.Errorf("%d quarantines", n)
	}
	for i, w := range others {
		w.send(`["1","e","rooms:1","echo",{"n":%d}]`, i)
		w.expect(`["1","e","rooms:1","phx_reply",{"status":"ok","response":{"n":%d}}]`, i)
	}
}
