package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

func tailCommand() *cli.Command {
	return &cli.Command{
		Name:      "tail",
		Category:  remoteCategory,
		Usage:     "join a topic as a client, and show what comes",
		UsageText: "chhost tail URL TOPIC [--push EVENT [--payload JSON]] [--count N] [FLAGS]",
		Description: "Connects to the socket at URL, of any server that speaks the Phoenix Channels protocol,\n" +
			"joins TOPIC and writes what the server sends: the answer to the join, then each message\n" +
			"with its event. With --push it pushes one event first and writes the reply. It ends with\n" +
			"--count messages (0: after join and push), or when it is interrupted.\n\n" +
			"Examples:\n\n" +
			"   chhost tail ws://localhost:4000/t/acme/socket rooms:lobby\n" +
			"   chhost tail ws://localhost:4000/t/acme/socket rooms:lobby --push new:msg --payload '{\"body\":\"hi\"}' --count 0",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "client-token", Usage: "connect with the token in `FILE`, such as chhost token mint makes; - is the standard input"},
			&cli.StringFlag{Name: "params", Value: "{}", Usage: "join with a `JSON` object"},
			&cli.StringFlag{Name: "push", Usage: "push `EVENT` after the join"},
			&cli.StringFlag{Name: "payload", Value: "{}", Usage: "with this payload, a `JSON` object"},
			&cli.IntFlag{Name: "count", Value: -1, Usage: "end after `N` messages", DefaultText: "never"},
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long to wait for the connection, the join and the reply, a `TIME`"},
		},
		Action: tail,
	}
}

func tail(c *cli.Context) error {
	if err := arguments(c, "the URL of a socket, such as ws://localhost:4000/socket", "a topic, such as rooms:lobby"); err != nil {
		return err
	}
	params, err := phx.Object([]byte(c.String("params")))
	if err != nil {
		return &usageError{"tail", "--params: " + err.Error()}
	}
	payload, err := phx.Object([]byte(c.String("payload")))
	if err != nil {
		return &usageError{"tail", "--payload: " + err.Error()}
	}
	if err := phx.CheckName(c.Args().Get(1)); err != nil {
		return &usageError{"tail", "the topic: " + err.Error()}
	}
	if c.IsSet("payload") && c.String("push") == "" {
		return &usageError{"tail", "--payload belongs to --push EVENT"}
	}
	options, err := tailOptions(c)
	if err != nil {
		return err
	}
	return clientError(c, converse(c, options, params, payload))
}

// converse is one client: it joins, pushes an event if there is one to push, and writes
// what comes.
func converse(c *cli.Context, options phxclient.ClientOptions, params, payload phx.Payload) error {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	client, err := phxclient.Connect(ctx, c.Args().Get(0), options)
	if err != nil {
		return err
	}
	defer client.Close()
	topic := c.Args().Get(1)
	channel, response, err := client.Join(ctx, topic, params)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "joined %s %s\n", remote.Printable(topic), remote.Printable(string(response.Data())))
	if event := c.String("push"); event != "" {
		reply, err := channel.Push(ctx, event, payload)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "%s %s\n", reply.Status, remote.Printable(string(reply.Payload.Data())))
	}
	return receive(c, channel)
}

// receive writes what comes, until there were --count messages or an interrupt.
func receive(c *cli.Context, channel *phxclient.Channel) error {
	for n := c.Int("count"); n != 0; n-- {
		message, err := channel.Receive(c.Context)
		if c.Context.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "%s %s\n", remote.Printable(message.Event), remote.Printable(string(message.Payload.Data())))
	}
	return nil
}

// tailOptions are how to connect: with a token where Phoenix 1.8 has it, which no log of
// addresses shows.
func tailOptions(c *cli.Context) (phxclient.ClientOptions, error) {
	var o phxclient.ClientOptions
	file := c.String("client-token")
	if file == "" {
		return o, nil
	}
	data, err := readInput(c, file, 64<<10)
	if err != nil {
		return o, fmt.Errorf("the token cannot be read: %w", err)
	}
	token, err := oneLine(string(data), file)
	if err != nil {
		return o, err
	}
	o.Header = http.Header{"Sec-Websocket-Protocol": {"phoenix, base64url.bearer.phx." + base64.RawURLEncoding.EncodeToString([]byte(token))}}
	return o, nil
}
