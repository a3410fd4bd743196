package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

// listenMetrics opens what --metrics-addr names, or returns nil if it names nothing.
func listenMetrics(c *cli.Context) (net.Listener, error) {
	addr := c.String("metrics-addr")
	if addr == "" {
		return nil, nil
	}
	return listenAt("metrics-addr", addr, "")
}

// serveMetrics serves a host's metrics until ctx ends, if there is a listener, and
// returns when that is done.
func serveMetrics(ctx context.Context, l net.Listener, h *host.Host) error {
	if l == nil {
		return nil
	}
	server := &http.Server{Handler: h.Metrics(), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the metrics are not served any more: %w", err)
	}
	return nil
}
