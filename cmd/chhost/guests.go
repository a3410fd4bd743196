package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

// guests reads what all plugins, and those of a tenant, may use together, and how much is
// kept of them.
func guests(c *cli.Context, cfg *host.Config) error {
	for _, flag := range []struct {
		name string
		size *int64
	}{{"guest-memory", &cfg.GuestMemory}, {"tenant-memory", &cfg.TenantMemory}, {"cache-limit", &cfg.CacheLimit}} {
		text := c.String(flag.name)
		if text == "" {
			continue
		}
		size, err := parseSize(text)
		if err != nil || size == 0 {
			return &usageError{c.Command.Name, fmt.Sprintf("--%s %s is no size: use 8GiB, 512MiB or a number of bytes", flag.name, text)}
		}
		*flag.size = int64(size)
	}
	if cfg.GuestSlots = c.Int("guest-slots"); cfg.GuestSlots < 0 || cfg.GuestSlots == 0 && c.IsSet("guest-slots") {
		return &usageError{c.Command.Name, fmt.Sprintf("--guest-slots %d: at least 1", cfg.GuestSlots)}
	}
	return nil
}

// spareProcessor lets Go run two threads on a machine with one processor, unless
// GOMAXPROCS says otherwise: a guest that computes for long takes the only one in
// turns of a slice, and nobody would attend to the network meanwhile. The system
// changes threads where Go does not. It is for the whole process.
func spareProcessor() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
}
