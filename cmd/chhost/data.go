package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host/registry"
)

// openRegistry opens the registry in the directory that --data names, or returns nil if
// there is none. The caller closes it, after the host.
func openRegistry(c *cli.Context, log *slog.Logger) (*registry.Disk, error) {
	dir := c.String("data")
	if dir == "" {
		for _, name := range []string{"admin-addr", "admin-host", "admin-tls-cert", "admin-tls-key", "operator-token-file"} {
			if c.IsSet(name) {
				return nil, &usageError{c.Command.Name, fmt.Sprintf("--%s needs --data DIR: the admin API is about what is kept there", name)}
			}
		}
		return nil, nil
	}
	store, err := registry.Open(dir, registry.Config{Log: log})
	if errors.Is(err, registry.ErrInUse) {
		return nil, fmt.Errorf("--data %s: %w: stop that one, or name another directory (each host of several has its own)", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", dir, err)
	}
	return store, nil
}
