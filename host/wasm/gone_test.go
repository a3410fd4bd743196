package wasm

import (
	"context"
	"log/slog"
	"testing"

	"github.com/chhost/chhost/abi"
)

// A client that is gone before its connection was decided about does not cost an
// instance: clients could make the host start one after the other.
func TestConnectOutlivesItsClient(t *testing.T) {
	g := newGate()
	p := compile(t, newTestEngine(t, Config{Logger: slog.New(g)}), "served/puppet", Limits{Instances: 1})
	before := p.waiting()[0]
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.Connect(ctx, scripted(t, abi.StatusOK, g.step()))
		done <- err
	}()
	<-g.arrived
	leave()
	close(g.pass)
	if err := <-done; err != nil {
		t.Errorf("mid-way: %v", err)
	}
	if _, err := p.Connect(ctx, scripted(t, abi.StatusOK)); err == nil {
		t.Error("a client that was gone is let in")
	}
	wantPool(t, p, 1)
	if after := p.waiting(); len(after) != 1 || after[0] != before {
		t.Error("another instance had to be started")
	}
}
