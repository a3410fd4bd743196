package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/systemd"
	"github.com/chhost/chhost/host"
)

// drains reads what is said about the end of a server.
func drains(c *cli.Context, cfg *host.Config) error {
	cfg.DrainDelay, cfg.DrainWindow, cfg.Grace = c.Duration("drain-delay"), c.Duration("drain-window"), c.Duration("grace")
	switch {
	case cfg.DrainDelay < 0 || cfg.DrainWindow < 0:
		return &usageError{c.Command.Name, "--drain-delay and --drain-window cannot be below zero"}
	case cfg.Grace <= cfg.DrainDelay:
		return &usageError{c.Command.Name, fmt.Sprintf("--grace %v leaves no time to stop after --drain-delay %v", cfg.Grace, cfg.DrainDelay)}
	}
	cfg.DrainWindow = max(cfg.DrainWindow, 1) // 0 would be the default
	return nil
}

// supervisor is what has started this process, if that is a service manager.
func supervisor() systemd.Supervisor { return systemd.FromEnvironment(os.Getenv, os.Getpid()) }

// listenOrInherit is listen, unless the service manager has passed a socket.
func listenOrInherit(c *cli.Context) (net.Listener, error) {
	l, err := supervisor().Listener()
	if l != nil || err != nil {
		return l, err
	}
	return listen(c)
}

// run runs the host, keeps the service manager informed meanwhile, and serves the
// metrics and the admin API at listeners of their own, if there are any.
func run(c *cli.Context, h *host.Host, metrics net.Listener, admin *adminAPI) error {
	ctx, end := context.WithCancel(context.Background())
	var attending sync.WaitGroup
	defer attending.Wait()
	defer end()
	defer admin.finish() // if the host has not come to it
	attending.Go(func() {
		if err := supervisor().Attend(ctx, c.Context, h.Alive); err != nil {
			fmt.Fprintf(c.App.ErrWriter, "chhost: the service manager could not be told: %v\n", err)
		}
	})
	attending.Go(func() {
		if err := serveMetrics(ctx, metrics, h); err != nil {
			fmt.Fprintf(c.App.ErrWriter, "chhost: %v\n", err)
		}
	})
	attending.Go(func() {
		if err := admin.serve(); err != nil {
			fmt.Fprintf(c.App.ErrWriter, "chhost: %v\n", err)
		}
	})
	return h.Run(c.Context)
}
