//go:build !wasip1

package chhost

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A Payload that is kept keeps the Sockets that were made together with its own. It
// once kept what all of them had been sent, up to 320 KiB each.
func TestKeptPayloadsKeepNothingElse(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	region = make([]byte, 4*maxShort)
	c := newChannel(everything{})
	long := &event{payload: span{addr: base, len: 2 * maxShort}, assigns: span{addr: base, len: 2 * maxShort}}
	var freed atomic.Int32
	serve := func(ev *event) Payload {
		s := c.begin(callbackHandleIn, ev)
		p, assigns := s.Payload(), s.Assigns()
		runtime.AddCleanup(assigns.content, func(int) { freed.Add(1) }, 0)
		if ev == long {
			runtime.AddCleanup(p.content, func(int) { freed.Add(1) }, 0)
		}
		s.end()
		return p
	}
	kept := serve(&event{payload: span{addr: base, len: 3}})
	serve(long)
	for end := time.Now().Add(20 * time.Second); freed.Load() < 3; runtime.GC() {
		if time.Now().After(end) {
			t.Fatalf("%d of 3 payloads and assigns were freed, which nobody has", freed.Load())
		}
	}
	if len(kept.Raw()) != 3 {
		t.Errorf("the payload that was kept has become %q", kept.Raw())
	}
	runtime.KeepAlive(c)
}
