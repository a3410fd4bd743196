package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

// origins reads --origin.
func origins(c *cli.Context) (func(*http.Request) bool, error) {
	check, err := host.Origins(c.StringSlice("origin"))
	if err != nil {
		return nil, &usageError{c.Command.Name, "--origin: " + err.Error()}
	}
	return check, nil
}

// listen opens the address, or says how to choose another one.
func listen(c *cli.Context) (net.Listener, error) {
	addr := c.String("addr")
	l, err := listenAt("addr", addr, "")
	if err != nil && !strings.Contains(addr, ":") {
		return nil, &usageError{c.Command.Name, fmt.Sprintf("--addr %s has no host and port: use --addr %s", addr, suggestAddr(addr))}
	}
	return l, err
}

// listenAt opens an address that a flag names. what is served there, if that is not the
// clients.
func listenAt(flag, addr, what string) (net.Listener, error) {
	aside, behind := "", ""
	if what != "" {
		aside, behind = ", for "+what+",", " for "+what
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s%s is in use by another program: stop that one, or choose another address with --%s, such as --%s 127.0.0.1:0 for a free port", addr, aside, flag, flag)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s%s (see --%s): %w", addr, behind, flag, err)
	}
	return l, nil
}

// namesOf is the name in an address to listen on, if it is one.
func namesOf(addr string) []string {
	name, _, err := net.SplitHostPort(addr)
	if err != nil || name == "" || net.ParseIP(name) != nil {
		return nil
	}
	return []string{name}
}

// suggestAddr makes an address of a host, or of a port.
func suggestAddr(part string) string {
	if _, err := strconv.ParseUint(part, 10, 16); err == nil {
		return "127.0.0.1:" + part
	}
	return part + ":4000"
}

// hostPort is the listener's address as a browser on this machine reaches it.
func hostPort(l net.Listener) string {
	name, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(name); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		name = "localhost"
	}
	return net.JoinHostPort(name, port)
}
