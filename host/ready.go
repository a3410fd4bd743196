package host

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/chhost/chhost/host/pubsub"
)

// Ready tells whether new clients should be sent here: Run is running and nothing
// has asked it to end. It is what /readyz says.
func (h *Host) Ready() bool { return h.state.Load() == stateRunning }

// Alive tells whether the host is at work, be it on its end. It does not return if
// the host hangs. It is what /healthz says.
func (h *Host) Alive() bool {
	state := h.state.Load()
	h.pubsub.Subscribers(pubsub.Topic{}) // whatever hangs holds a lock that broadcasts need
	return state != stateNew && state != stateStopped
}

func (h *Host) healthz(w http.ResponseWriter, _ *http.Request) { tell(w, h.Alive(), "the host hangs") }

func (h *Host) readyz(w http.ResponseWriter, _ *http.Request) {
	tell(w, h.Ready(), "the host is stopping")
}

func tell(w http.ResponseWriter, good bool, otherwise string) {
	w.Header().Set("Cache-Control", "no-store")
	if !good {
		http.Error(w, otherwise, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n") // who has gone needs no answer
}

// delay lets load balancers notice that the host is about to stop.
func (h *Host) delay(grace context.Context) {
	h.state.Store(stateLeaving)
	h.log.Debug("stopping", "delay", max(h.cfg.DrainDelay, 0), "window", h.cfg.DrainWindow)
	if h.cfg.DrainDelay <= 0 {
		return
	}
	timer := time.NewTimer(h.cfg.DrainDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-grace.Done():
	}
}
