package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
)

func callCommand() *cli.Command {
	return &cli.Command{
		Name:      "call",
		Usage:     "call one callback of a plugin and show what it asks for",
		UsageText: "chhost call FILE.wasm|DIR CALLBACK [FLAGS]",
		Description: "One instance of the module in FILE.wasm, or of the one that is built of the Go source\n" +
			"in DIR, is called once, without a server. Its status and its effects are shown in the\n" +
			"order in which a host carries them out; what it logs goes to the standard error.\n" +
			"CALLBACK is one of " + strings.Join(author.CallbackNames(), ", ") + ".\n\n" +
			"Examples:\n\n" +
			"   chhost call plugins/food join --topic foods:all\n" +
			"   chhost call food.wasm handle_in --topic foods:all --event new:msg --payload '{\"say\":\"hi\"}'\n" +
			"   chhost call plugins/chat leave --topic rooms:lobby --kind closed --assigns '{\"user\":\"Ada\"}'\n" +
			"   chhost call foods handle_info --topic foods:all --kind timer --key 1 --event tick\n" +
			"   chhost call auth.wasm connect --payload '{\"params\":{\"token\":\"secret\"}}'",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "topic", Usage: "the channel's `TOPIC`"},
			&cli.StringFlag{Name: "event", Usage: "the `EVENT` of a client, a broadcast or a timer"},
			&cli.StringFlag{Name: "payload", Usage: "what came with it, a `JSON` object", DefaultText: "{}; in connect what a host tells: {\"params\":{},...}"},
			&cli.StringFlag{Name: "binary", Usage: "what came with it, bytes in `BASE64`"},
			&cli.StringFlag{Name: "assigns", Usage: "the channel's state, any `TEXT`"},
			&cli.StringFlag{Name: "socket-assigns", Usage: "what is known of the connection, a `JSON` object", DefaultText: "{}"},
			&cli.StringFlag{Name: "now", Usage: "the `TIME` that the plugin sees, such as 2015-03-24T09:21:40Z", DefaultText: "now"},
			&cli.StringFlag{Name: "seed", Usage: "the `NUMBER` that the randomness of the call follows from (random_get; not what a language's runtime drew at its start)", DefaultText: "another one in each call"},
			&cli.StringFlag{Name: "kind", Usage: "in leave why the channel ends, such as `KIND` closed; in handle_info timer or broadcast", DefaultText: "left; timer"},
			&cli.StringFlag{Name: "key", Usage: "in handle_info the timer's `KEY`, a number", DefaultText: "0"},
			&cli.BoolFlag{Name: "self", Usage: "in handle_out: this channel sent the broadcast itself"},
			&cli.StringFlag{Name: "from", Usage: "in upgrade the `VERSION` before, such as foods@6"},
			cacheFlag(),
			jsonFlag(),
		}, pluginFlags()...),
		Action: call,
	}
}

func call(c *cli.Context) error {
	if err := arguments(c, "a module or the directory of a plugin, such as food.wasm", "the name of a callback, such as join"); err != nil {
		return err
	}
	settings, limits, err := pluginOptions(c)
	if err != nil {
		return err
	}
	given := make(map[string]string)
	for _, name := range author.InputNames() {
		if c.IsSet(name) {
			given[name] = fmt.Sprint(c.Value(name))
		}
	}
	prepared, err := author.Call{
		Callback: c.Args().Get(1),
		Inputs:   given,
		Settings: settings,
		Limits:   limits,
		CacheDir: c.String("cache"),
		Compiler: compilerOf(c),
		Log:      c.App.ErrWriter,
	}.Prepare()
	if err != nil {
		return asUsage(c, err)
	}
	module, err := author.Load(c.Context, c.Args().First(), c.App.ErrWriter)
	if err != nil {
		return err
	}
	outcome, failure := prepared.Run(c.Context, module)
	if outcome == nil {
		return failure
	}
	for _, note := range outcome.Notes {
		fmt.Fprintf(c.App.ErrWriter, "note: %s\n", note)
	}
	err = show(c, outcome)
	if failure != nil {
		return failure
	}
	return err
}
