package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/cmd/chhost/internal/load"
)

func loadCommand() *cli.Command {
	return &cli.Command{
		Name:      "load",
		Usage:     "put a server under load and measure it",
		UsageText: "chhost load " + strings.Join(load.Kinds(), "|") + " [URL] [FLAGS]",
		Description: "Opens connections to the socket at URL (" + load.DefaultURL + ", if there is\n" +
			"none), joins a topic on each, and then, in\n\n" +
			"   connect  holds them, and tells with --pid what memory each costs the server\n" +
			"   echo     pushes an event on each, waits for the answer, pushes the next\n" +
			"   fanout   pushes events on one, which the channel broadcasts to all\n" +
			"   churn    leaves and joins on each; with --reconnect closes it and connects again\n\n" +
			"The server may be any that speaks version 2 of the Phoenix Channels protocol. What is\n" +
			"set without flags fits the food channel of the guide, plugins/food. All join one topic,\n" +
			"or, with {n} in it, topics that are numbered from 0 on.\n\n" +
			"An echo is answered by a reply, or by a push or a broadcast of the same event to the\n" +
			"sender; a first push finds out which. Latencies are in microseconds. In echo and churn\n" +
			"a connection waits for its answer before it goes on, so a server that is slow is asked\n" +
			"less, and in fanout without --every too. From an answer that is no good one, and from a\n" +
			"connection that ends, follows an exit code of 1; the report counts them by kind. Few\n" +
			"connections that never rest exceed what chhost lets one client send, and are answered\n" +
			"rate_limited or too_many_joins: start it with --rate frames=off --rate joins=off.\n\n" +
			"With --pid, on Linux, the report tells the processor time of the server's process, from\n" +
			"the clock that the system keeps for each, to the nanosecond, and its resident memory.\n" +
			"What the kernel does for a packet on loopback is counted for the process that sends it.\n" +
			"For the memory of a connection start the server anew, with plugins that are compiled\n" +
			"already: what it had taken before, also for compiling, is used again. Before all this a\n" +
			"connection is opened and closed, for servers that still start; with --pid it also waits\n" +
			"until somebody listens.\n\n" +
			"With --json the report is one object. ramp, hold and measured have what, seconds, count,\n" +
			"per_second, server_cpu_seconds, server_cpu_us_each, load_cpu_seconds, load_cpu_us_each\n" +
			"and latency_us; this, connect_latency_us and join_latency_us have count, min, mean, p50,\n" +
			"p90, p99, p99_9 and max; server has pid, rss_before_bytes, rss_after_bytes and\n" +
			"rss_bytes_per_connection. The others are load, url, topic, event, payload_bytes,\n" +
			"answered_by, from_addresses, connections, pushes_sent, load_rss_bytes, ended_early_by,\n" +
			"other_broadcasts and other_pushes, which were not of this load, and errors, a count for\n" +
			"each kind. What was not measured is left out.\n\n" +
			"A process has as many connections as it may open files (ulimit -n), and an address of\n" +
			"this machine about 28,000 to one server: on the loopback network more are taken by\n" +
			"themselves. An interrupt ends the load; what was measured is told.\n\n" +
			"Examples:\n\n" +
			"   chhost serve --route 'foods:*=food.wasm'\n" +
			"   chhost load connect --conns 10000 --pid $(pgrep -f 'chhost serve')\n" +
			"   chhost load echo --conns 100 --size 128 --duration 10s\n" +
			"   chhost load fanout --conns 1000 --count 1000 --burst 16\n" +
			"   chhost load churn --conns 50 --reconnect --json\n" +
			"   chhost load echo ws://localhost:4000/socket --topic 'rooms:{n}' --event new:msg --payload '{\"body\":\"hi\"}'",
		Flags:  append(loadFlags(), jsonFlag()),
		Action: runLoad,
	}
}

func loadFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "conns", Usage: "how many connections, a `NUMBER`; in fanout the sender is one more", DefaultText: "1000 in connect and fanout, else 100"},
		&cli.Float64Flag{Name: "rate", Usage: "open at most `NUMBER` connections per second", DefaultText: "as many as can be"},
		&cli.IntFlag{Name: "at-once", Value: load.DefaultAtOnce, Usage: "open `NUMBER` connections at a time"},
		&cli.StringSliceFlag{Name: "from", Usage: "connect from `ADDRESS` of this machine; repeatable, or several with commas", DefaultText: "the system's choice; for very many 127.0.0.2, 127.0.0.3, ..."},
		&cli.StringFlag{Name: "topic", Value: load.DefaultTopic, Usage: "join `TOPIC`; {n} in it is the connection's number"},
		&cli.StringFlag{Name: "params", Value: "{}", Usage: "join with a `JSON` object"},
		&cli.DurationFlag{Name: "hold", Value: load.DefaultHold, Usage: "connect: hold the connections for a `DURATION`"},
		&cli.StringFlag{Name: "event", Usage: "echo, fanout: push `EVENT`", DefaultText: "new:echo; new:msg in fanout"},
		&cli.IntFlag{Name: "size", Value: load.DefaultSize, Usage: "echo, fanout: push a payload of `BYTES`"},
		&cli.StringFlag{Name: "payload", Usage: "echo, fanout: push this payload, a `JSON` object", DefaultText: "one of --size bytes, {\"body\":\"xx...\"}"},
		&cli.StringFlag{Name: "answer", Usage: "echo: the `KIND` of answer, reply, push or broadcast", DefaultText: "found out"},
		&cli.DurationFlag{Name: "duration", Value: load.DefaultDuration, Usage: "all but connect: measure for a `DURATION`"},
		&cli.IntFlag{Name: "count", Usage: "all but connect: measure a `NUMBER` of echoes, pushes or cycles instead"},
		&cli.DurationFlag{Name: "warmup", Value: load.DefaultWarmup, Usage: "all but connect: begin to measure after a `DURATION`"},
		&cli.DurationFlag{Name: "every", Usage: "fanout: push once in a `DURATION`", DefaultText: "when all have received the push before"},
		&cli.IntFlag{Name: "burst", Value: 1, Usage: "fanout: a `NUMBER` of pushes in one write"},
		&cli.BoolFlag{Name: "reconnect", Usage: "churn: connect, join and close, instead of join and leave"},
		&cli.IntFlag{Name: "pid", Usage: "tell the CPU and memory of the server's process `PID`"},
		&cli.DurationFlag{Name: "timeout", Value: load.DefaultTimeout, Usage: "wait at most a `DURATION` for a connection, a join, an answer"},
		&cli.DurationFlag{Name: "run-for", Usage: "end after a `DURATION`, whatever has been done", DefaultText: "no bound"},
	}
}

func runLoad(c *cli.Context) error {
	cfg, err := loadConfig(c)
	if err != nil {
		return err
	}
	report, err := cfg.Run(c.Context)
	var input *load.InputError
	if errors.As(err, &input) {
		return &usageError{c.Command.Name, input.Text}
	}
	if err != nil {
		return err
	}
	if err := show(c, report); err != nil {
		return err
	}
	return report.Err()
}

func loadConfig(c *cli.Context) (load.Config, error) {
	var cfg load.Config
	kind := c.Args().First()
	wrong := func(format string, args ...any) (load.Config, error) {
		return cfg, &usageError{c.Command.Name, fmt.Sprintf(format, args...)}
	}
	switch {
	case c.NArg() == 0:
		return wrong("load needs a kind of load: %s", strings.Join(load.Kinds(), ", "))
	case !slices.Contains(load.Kinds(), kind):
		if near := abi.Nearest(kind, load.Kinds()); near != "" {
			return wrong("there is no load %q: did you mean %s?", kind, near)
		}
		return wrong("there is no load %q: there are %s", kind, strings.Join(load.Kinds(), ", "))
	case c.NArg() > 2:
		return wrong("load does not know what to do with %q", c.Args().Get(2))
	}
	for _, name := range c.LocalFlagNames() {
		if !load.Takes(kind, name) {
			return wrong("%s has no use for --%s", kind, name)
		}
	}
	// A number of zero is the default in the room, and a mistake here.
	for _, name := range []string{"conns", "at-once", "size", "count", "burst", "pid"} {
		if c.IsSet(name) && c.Int(name) <= 0 {
			return wrong("--%s %d: that is no number from 1 on", name, c.Int(name))
		}
	}
	for _, name := range []string{"hold", "duration", "timeout"} {
		if c.IsSet(name) && c.Duration(name) == 0 {
			return wrong("--%s 0s: that is no time: give one, such as 1s", name)
		}
	}
	for _, name := range []string{"topic", "params", "event", "payload", "answer"} {
		if c.IsSet(name) && c.String(name) == "" {
			return wrong("--%s is empty: write what it is, or leave it out", name)
		}
	}
	if c.NArg() == 2 && c.Args().Get(1) == "" {
		return wrong("the URL is empty: write one such as %s, or leave it out", load.DefaultURL)
	}
	var from []string
	for _, list := range c.StringSlice("from") {
		from = append(from, strings.Split(list, ",")...)
	}
	cfg = load.Config{
		Kind: kind, URL: c.Args().Get(1),
		Topic: c.String("topic"), Params: c.String("params"),
		Event: c.String("event"), Payload: c.String("payload"), Answer: c.String("answer"),
		Conns: c.Int("conns"), Rate: c.Float64("rate"), AtOnce: c.Int("at-once"), From: from,
		Hold: c.Duration("hold"), Duration: c.Duration("duration"), Count: c.Int("count"), Warmup: c.Duration("warmup"),
		Every: c.Duration("every"), Burst: c.Int("burst"), Reconnect: c.Bool("reconnect"),
		Timeout: c.Duration("timeout"), RunFor: c.Duration("run-for"), PID: c.Int("pid"),
	}
	if c.IsSet("size") || c.String("payload") == "" {
		cfg.Size = c.Int("size")
	}
	if cfg.Warmup == 0 {
		cfg.Warmup = -1 // none
	}
	return cfg, nil
}
