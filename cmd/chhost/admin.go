package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/registry"
)

// adminAPI is the admin API of a host with a registry.
type adminAPI struct {
	listener net.Listener
	handler  *admin.API
	server   *http.Server
	hosts    []string
	// logs keeps what plugins log, and passes it on.
	logs *admin.Logs
	// tokenFile is where the operator's token is; made, if it was made now, is the token.
	tokenFile, made string
}

// listenAdmin opens what --admin-addr names, or returns nil for a host without a registry.
// The host's log passes through it then.
func listenAdmin(c *cli.Context, store *registry.Disk, cfg *host.Config) (*adminAPI, error) {
	if store == nil {
		return nil, nil
	}
	a := &adminAPI{hosts: c.StringSlice("admin-host"), tokenFile: either(c.String("operator-token-file"), filepath.Join(c.String("data"), "operator-token"))}
	l, err := listenAt("admin-addr", c.String("admin-addr"), "the admin API")
	if err != nil {
		return nil, err
	}
	a.listener, a.logs = l, admin.NewLogs(cfg.Logger.Handler())
	cfg.Logger = slog.New(a.logs)
	return a, nil
}

// close closes the listener, if it was not served.
func (a *adminAPI) close() {
	if a != nil {
		_ = a.listener.Close()
	}
}

// attach makes the handler for a host.
func (a *adminAPI) attach(h *host.Host, store *registry.Disk) error {
	if a == nil {
		return nil
	}
	token, made, err := admin.Token(a.tokenFile)
	if err != nil {
		return err
	}
	if made {
		a.made = token
	}
	a.handler, err = admin.New(admin.Config{
		Tenants: h.Tenants(), Store: store, Token: token, Hosts: a.hosts, Metrics: h.Metrics(), Logs: a.logs, Logger: slog.New(a.logs),
	})
	if err != nil {
		return err
	}
	a.server = &http.Server{
		Handler: a.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(a.logs, slog.LevelDebug), // what strangers do to a connection
	}
	return nil
}

// announce says where the API is, and the token when it is new.
func (a *adminAPI) announce(w io.Writer) {
	if a == nil {
		return
	}
	fmt.Fprintf(w, "the admin API is at http://%s\n", hostPort(a.listener))
	if a.made != "" {
		server := ""
		if addr := hostPort(a.listener); !strings.HasSuffix(addr, config.DefaultAdminAddr[strings.LastIndexByte(config.DefaultAdminAddr, ':'):]) {
			server = "--server http://" + addr + " "
		}
		fmt.Fprintf(w, "the operator's token, which is not shown again, is %s\nit is kept in %s: chhost login %s--token-file %s\n", a.made, a.tokenFile, server, a.tokenFile)
	}
}

// serve serves the API until finish is called, and returns when its requests have ended.
func (a *adminAPI) serve() error {
	if a == nil {
		return nil
	}
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the admin API is not served any more: %w", err)
	}
	return nil
}

// finish ends the API: those who follow a log are told, and what is under way, such as an
// upload, is answered if that takes a moment only. The host calls it while there is still
// what can answer.
func (a *adminAPI) finish() {
	if a == nil {
		return
	}
	a.handler.End()
	moment, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if a.server.Shutdown(moment) != nil {
		_ = a.server.Close()
	}
}
