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

// drainFlags are about the end of a server.
func drainFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "drain-delay", Usage: "when asked to stop, say so at /readyz for this `TIME` and go on, so that load balancers notice"},
		&cli.DurationFlag{Name: "drain-window", Value: host.DefaultDrainWindow, Usage: "then close many sockets a few at a time, within this `TIME`"},
		&cli.DurationFlag{Name: "grace", Value: host.DefaultGrace, Usage: "stop within this `TIME`, all in all"},
	}
}

// drains reads drainFlags.
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

// run runs the host, and keeps the service manager informed meanwhile.
func run(c *cli.Context, h *host.Host) error {
	ctx, end := context.WithCancel(context.Background())
	var attending sync.WaitGroup
	defer attending.Wait()
	defer end()
	attending.Go(func() {
		if err := supervisor().Attend(ctx, c.Context, h.Alive); err != nil {
			fmt.Fprintf(c.App.ErrWriter, "chhost: the service manager could not be told: %v\n", err)
		}
	})
	return h.Run(c.Context)
}
