package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/phx"
)

func publishCommand() *cli.Command {
	return &cli.Command{
		Name:      "publish",
		Category:  remoteCategory,
		Usage:     "broadcast an event to the clients of a topic",
		UsageText: "chhost publish TOPIC EVENT [JSON] [FLAGS]",
		Description: "Whoever has joined the topic gets it, as a broadcast of its channel; a plugin that\n" +
			"intercepts the event is asked. JSON is an object, - reads it from the standard input.\n" +
			"A request that is sent twice with the same --key is carried out once.\n\n" +
			"Examples:\n\n" +
			"   chhost publish rooms:lobby new:msg '{\"body\":\"back at noon\"}'\n" +
			"   echo '{\"price\":12}' | chhost publish prices tick - --tenant acme",
		Flags:  tenantFlags(&cli.StringFlag{Name: "key", Usage: "the request's own name, any `TEXT`: sent again, it is carried out once"}),
		Action: publish,
	}
}

func publish(c *cli.Context) error {
	args := c.Args()
	want := []string{"a topic, such as rooms:lobby", "an event, such as new:msg"}
	if args.Len() >= 3 {
		want = append(want, "")
	}
	if err := arguments(c, want...); err != nil {
		return err
	}
	for i, what := range []string{"topic", "event"} {
		if err := phx.CheckName(args.Get(i)); err != nil {
			return &usageError{"publish", fmt.Sprintf("the %s: %v", what, err)}
		}
	}
	payload := []byte("{}")
	if args.Len() == 3 {
		payload = []byte(args.Get(2))
	}
	if args.Get(2) == "-" {
		var err error
		if payload, err = readInput(c, "-", 1<<20); err != nil {
			return err
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &object); err != nil || object == nil {
		return &usageError{"publish", fmt.Sprintf("the payload %.80q is no JSON object, such as {\"body\":\"hi\"}", payload)}
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	answer, err := a.ask(c, remote.Call{
		Method: http.MethodPost, Path: a.of("publish"), Key: c.String("key"),
		JSON: map[string]any{"topic": args.Get(0), "event": args.Get(1), "payload": json.RawMessage(payload)},
	}, nil)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "published %s to %s\n", args.Get(1), args.Get(0))
		return err
	})
}
