package socket_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

func listed(d *socket.Directory, id string) *socket.Socket {
	return socket.New(socket.Config{Encoder: &phx.Encoder{Serializer: phx.V2()}, Wake: func() {}, ID: id, Directory: d, Since: d.Now()})
}

func gone(s *socket.Socket) bool {
	_, end := s.Next(nil)
	return end != nil
}

func TestDirectory(t *testing.T) {
	var d socket.Directory
	end := socket.End{Code: socket.CloseGoingAway}
	a, b, c, nameless := listed(&d, "a"), listed(&d, "a"), listed(&d, "c"), listed(&d, "")
	if n := d.Close("c", end, socket.LeaveClosed); n != 0 || gone(c) {
		t.Errorf("%d sockets were found before they were open", n)
	}
	for _, s := range []*socket.Socket{a, b, c, nameless} {
		s.Open()
	}
	if !gone(c) {
		t.Error("a socket that was on its way when its name was closed stays")
	}
	c = listed(&d, "c")
	c.Open()
	b.Close(socket.End{}, socket.LeaveClosed)
	if n := d.Close("", end, socket.LeaveClosed); n != 0 || gone(nameless) {
		t.Errorf("%d sockets without a name were found", n)
	}
	if n := d.Close("a", end, socket.LeaveClosed); n != 1 || !gone(a) || gone(c) {
		t.Errorf("%d sockets were found, want the one that is open", n)
	}
	late := listed(&d, "a")
	late.Close(socket.End{}, socket.LeaveClosed)
	late.Open()
	if n := d.Close("a", end, socket.LeaveClosed); n != 0 {
		t.Errorf("%d sockets were found after their end", n)
	}
}

// However opening, ending and searching meet, nothing stays behind.
func TestDirectoryForgets(t *testing.T) {
	var d socket.Directory
	for range 500 {
		s := listed(&d, "a")
		var wg sync.WaitGroup
		wg.Go(s.Open)
		wg.Go(func() { s.Close(socket.End{}, socket.LeaveClosed) })
		wg.Go(func() { d.Close("a", socket.End{Code: socket.CloseGoingAway}, socket.LeaveClosed) })
		wg.Wait()
		if n := d.Close("a", socket.End{}, socket.LeaveClosed); n != 0 {
			t.Fatalf("%d sockets stayed behind", n)
		}
	}
}

// What was closed is forgotten after a while, and not sooner.
func TestDirectoryRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d socket.Directory
		end := socket.End{Code: socket.CloseGoingAway}
		d.Close("b", end, socket.LeaveClosed)
		time.Sleep(30 * time.Second) // so that the map is turned while the next is remembered
		early := listed(&d, "a")
		d.Close("a", end, socket.LeaveClosed)
		for range 3 { // others are closed all the time
			time.Sleep(20 * time.Second)
			d.Close("b", end, socket.LeaveClosed)
		}
		early.Open()
		if !gone(early) {
			t.Error("forgotten within a minute")
		}
		for id := range 10_000 {
			d.Close(strconv.Itoa(id), end, socket.LeaveClosed)
		}
		for range 2 {
			time.Sleep(2 * time.Minute)
			d.Close("b", end, socket.LeaveClosed)
		}
		if n := d.Remembers(); n != 2 {
			t.Errorf("%d closings are remembered, want the last two", n)
		}
	})
}
