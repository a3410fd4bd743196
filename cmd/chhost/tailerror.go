package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// clientError says what went wrong between tail and its server, for who typed the
// command: with the server's word in place of the JSON around it, and with what can be
// done.
func clientError(c *cli.Context, err error) error {
	var refused *phxclient.HandshakeError
	switch {
	case err == nil, c.Context.Err() != nil:
		return err
	case errors.As(err, &refused):
		return handshakeError(refused)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered within %v (--timeout)", c.Args().First(), c.Duration("timeout"))
	}
	return err
}

func handshakeError(refused *phxclient.HandshakeError) error {
	var body struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(refused.Body, &body) // another server's body may be anything
	text := fmt.Sprintf("the server refuses the connection: %d %s", refused.Status, http.StatusText(refused.Status))
	if body.Reason != "" {
		text += ", " + remote.Printable(body.Reason)
	}
	switch {
	case refused.Status == http.StatusNotFound && body.Reason == "":
		text += ": is that the URL of a socket, such as ws://localhost:4000/socket or ws://localhost:4000/t/acme/socket?"
	case body.Reason == "token_missing":
		text += ": name a client's token with --client-token FILE (chhost token mint makes one for a try)"
	case strings.HasPrefix(body.Reason, "token_"):
		text += ": chhost token check tells what the token says"
	case body.Reason == "" && len(refused.Body) > 0:
		text += fmt.Sprintf(": %q", refused.Body)
	}
	return errors.New(text)
}
