package host

import (
	"errors"
	"os"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// TestDeployFreesTheOldVersion: what an old version holds (its compiled code, its
// instances) must not stay for as long as the host runs.
func TestDeployFreesTheOldVersion(t *testing.T) {
	module, err := os.ReadFile("../testdata/guests/served/echo.wasm")
	if err != nil {
		t.Fatal(err)
	}
	first := &Plugin{Name: "echo", Module: module}
	h, err := New(Config{Routes: []Route{{Pattern: "*", Plugin: first}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	old := h.plugins[first]
	if _, err := old.Join(t.Context(), &channel.Event{Topic: "t"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Deploy(t.Context(), first, &Plugin{Module: module}); err != nil {
		t.Fatal(err)
	}
	_, err = old.Join(t.Context(), &channel.Event{Topic: "t"})
	var refusal *channel.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != phx.ReasonUnavailable {
		t.Errorf("the old version was not closed: %v", err)
	}
}
