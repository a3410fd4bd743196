package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func tenantDisconnectCommand() *cli.Command {
	return &cli.Command{
		Name: "disconnect", Usage: "end the sockets of a client", UsageText: "chhost tenant disconnect SOCKET [--tenant NAME] [FLAGS]",
		Description: "SOCKET is the number that chhost tenant sockets tells, of one on that host, or the id that\n" +
			"the tenant's connector gives its clients' sockets: then all with it end, on every host.\n" +
			"Clients come back by themselves (code 1001); chhost token revoke keeps them out.\n\n" +
			"Examples:\n\n" +
			"   chhost tenant disconnect 17\n" +
			"   chhost tenant disconnect users:ada --tenant acme",
		Flags:  tenantFlags(),
		Action: disconnect,
	}
}

func disconnect(c *cli.Context) error {
	if err := arguments(c, "a socket's number or id (chhost tenant sockets lists them)"); err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	which := c.Args().First()
	var closed struct {
		Closed int `json:"closed"`
	}
	answer, err := a.ask(c, remote.Call{Method: http.MethodPost, Path: a.of("sockets", which, "disconnect")}, &closed)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "closed %s of %s here\n", number(closed.Closed, "socket"), a.tenant)
		return err
	})
}
