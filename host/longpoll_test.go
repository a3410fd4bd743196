package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
)

// What the host adds to long-polling: the mount, origins, connect and the drain.

// TestLongPollConnect: connect is asked once for a session, and about what the
// client has said, without the session's own parameter.
func TestLongPollConnect(t *testing.T) {
	asked := make(chan string, 10)
	none := func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil }
	connector := channel.Funcs{JoinFunc: none, ConnectFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		var info struct {
			Params    json.RawMessage
			Transport string
			Vsn       string
			Origin    string
		}
		if err := json.Unmarshal(ev.Payload.Data(), &info); err != nil {
			return channel.Result{}, err
		}
		asked <- info.Transport + " " + info.Vsn + " " + info.Origin + " " + string(info.Params)
		if strings.Contains(string(info.Params), "Mallory") {
			return channel.Result{Status: channel.StatusError, Reply: channel.Reply{Status: phx.StatusError, Payload: channeltest.JSON(`{"reason":"banned"}`)}}, nil
		}
		return channel.Result{}, nil
	}}.Handler()
	s := hosttest.Start(t, host.Config{
		Mount: "/my/socket/", Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}, ConnectHandler: connector,
	})
	page := s.URL
	params := url.Values{"user[name]": {"Ada"}, "token": {"mine"}}
	c := s.Connect(t, phxclient.ClientOptions{Options: phxclient.Options{LongPoll: true, Params: params, Header: http.Header{"Origin": {page}}}})
	if _, _, err := c.Join(t.Context(), "rooms:1", phx.Payload{}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-asked, `longpoll 2.0.0 `+page+` {"token":"mine","user":{"name":"Ada"},"vsn":"2.0.0"}`; got != want {
		t.Errorf("asked about %s, want %s", got, want)
	}
	body := func(query, origin string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/my/socket/longpoll?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got, want := body("user[name]=Mallory&vsn=2.0.0&token=null", page), `{"status":403,"response":{"reason":"banned"}}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	<-asked
	if got, want := body("vsn=2.0.0", "https://elsewhere.example"), `{"status":403}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	if got, want := body(strings.Repeat("a", 9<<10), page), `{"status":403}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	http.DefaultClient.CloseIdleConnections()
	if len(asked) != 0 {
		t.Errorf("asked about %s too", <-asked)
	}
}

// TestLongPollDrain: a client that polls is told that the host restarts, behind
// what waits for it, and its channels are left.
func TestLongPollDrain(t *testing.T) {
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}})
	w := dial(t, s, phxclient.Options{LongPoll: true})
	w.send(`["1","1","rooms:1","phx_join",{}]`)
	w.send(`["1","2","rooms:1","echo",{"n":1}]`)
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	for range 2 {
		if _, err := w.Receive(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := w.Receive(ctx)
	var closed *phxclient.CloseError
	if !errors.As(err, &closed) || closed.Code != socket.CloseServiceRestart {
		t.Errorf("%v, want the code 1012", err)
	}
	if n := s.Subscribers("rooms:1"); n != 0 {
		t.Errorf("%d channels are left", n)
	}
}
