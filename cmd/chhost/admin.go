package main

import (
	"context"
	"crypto/tls"
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
	secure   *tls.Config // nil: the API speaks plain HTTP
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
	a.logs = admin.NewLogs(cfg.Logger.Handler())
	var err error
	if cert := c.String("admin-tls-cert"); cert != "" {
		if a.secure, err = admin.TLS(cert, c.String("admin-tls-key"), slog.New(a.logs)); err != nil {
			return nil, fmt.Errorf("--admin-tls-cert, --admin-tls-key: %w", err)
		}
	}
	if a.listener, err = listenAt("admin-addr", c.String("admin-addr"), "the admin API"); err != nil {
		return nil, err
	}
	if a.secure != nil {
		a.listener = tls.NewListener(a.listener, a.secure)
	}
	cfg.Logger = slog.New(a.logs)
	return a, nil
}

// adminPair tells what is wrong with the flags of the API's certificate.
func adminPair(c *cli.Context) error {
	if (c.String("admin-tls-cert") == "") != (c.String("admin-tls-key") == "") {
		return &usageError{c.Command.Name, "--admin-tls-cert and --admin-tls-key go together: the certificate, and the key that belongs to it"}
	}
	return nil
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
	a.server = a.handler.Server()
	return nil
}

// url is where the API is asked for: with TLS by a name of its own, if it has one, since
// that is whom the certificate is for.
func (a *adminAPI) url() string {
	at := hostPort(a.listener)
	if a.secure == nil {
		return "http://" + at
	}
	if _, port, err := net.SplitHostPort(at); err == nil && len(a.hosts) > 0 {
		at = net.JoinHostPort(a.hosts[0], port)
	}
	return "https://" + at
}

// announce says where the API is, and the token when it is new.
func (a *adminAPI) announce(w io.Writer) {
	if a == nil {
		return
	}
	fmt.Fprintf(w, "the admin API is at %s\n", a.url())
	if a.made != "" {
		server := ""
		if a.secure != nil || !strings.HasSuffix(a.url(), config.DefaultAdminAddr[strings.LastIndexByte(config.DefaultAdminAddr, ':'):]) {
			server = "--server " + a.url() + " "
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
