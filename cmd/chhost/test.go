package main

import (
	"fmt"
	"regexp"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "play the conversations beside a plugin against it",
		UsageText: "chhost test DIR|FILE.wasm [FLAGS]",
		Description: "The files conversations/*.txt beside the plugin hold dialogues: what clients send, and\n" +
			"what they have to receive. Each is played in both versions of the protocol against a\n" +
			"host that serves the plugin, built of the Go source in DIR or compiled in FILE.wasm.\n" +
			"As in dev, events take turns on two instances of it, so that what it keeps in its own\n" +
			"variables, and does not assign, is found out.\n\n" +
			"The exit code is 1 if one fails, or if there is none.\n\n" +
			"A line == TITLE begins a dialogue; a letter is a client, which connects when it is named\n" +
			"first; a line that starts with # is a comment:\n\n" +
			"   a> FRAME              a sends a frame, [join_ref, ref, topic, event, payload]\n" +
			"   a< FRAME              the next frame that a receives is this one\n" +
			"   a connect NAME=VALUE  a connects, which it has not yet, with these params\n" +
			"   a refused REASON ...  so it does, and is not let in for this reason\n" +
			"   a close               a closes its connection\n" +
			"   a closed CODE         the server closes a's connection with that code\n" +
			"   at 5s                 so much time has passed since the beginning: timers come\n" +
			"   v1 LINE, v2 LINE      the line holds for that version of the protocol only\n" +
			"   a v2> RAW, a v2b> B64 exactly this text, or these bytes in base64; so with <\n\n" +
			"At the end nobody may have received anything else. Before the first dialogue may stand\n\n" +
			"   serve PATTERN PLUGIN  the topics that the plugin gets, by its own name (all, if there is no such line)\n" +
			"   now TIME              what the clock shows at the beginning, such as 2015-03-24T09:21:40Z\n" +
			"   channels N            how many topics a client may join\n" +
			"   secret TEXT           clients need a token, signed with this (HS256; 32 bytes or more)\n" +
			"   claims NAME=VALUE     what tokens say, unless a dialogue says otherwise: iss, aud, sub, exp=60s\n\n" +
			"With a secret, %{token NAME=VALUE} in a line stands for a token with those claims and\n" +
			"these; its times count from the beginning, which a line now has to set:\n\n" +
			"   a connect token=%{token sub=ada exp=60s}\n\n" +
			"Examples:\n\n" +
			"   chhost test foods\n" +
			"   chhost test foods --run 'refused|ignored' -v",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "play only the dialogues whose title matches `REGEXP`"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "tell each version of the protocol, and what host and plugin log"},
			&cli.DurationFlag{Name: "patience", Value: 5 * time.Second, Usage: "how long a frame may take to arrive, a `DURATION`; a dialogue that misses one fails only then"},
			cacheFlag(),
			jsonFlag(),
		}, pluginFlags()...),
		Action: test,
	}
}

func test(c *cli.Context) error {
	if err := arguments(c, "the directory of a plugin, such as foods"); err != nil {
		return err
	}
	only, err := regexp.Compile(c.String("run"))
	if err != nil {
		return &usageError{c.Command.Name, fmt.Sprintf("--run %s: %v", c.String("run"), err)}
	}
	settings, limits, err := pluginOptions(c)
	if err != nil {
		return err
	}
	conversations, err := author.FindConversations(c.Args().First(), only)
	if err != nil {
		return err
	}
	module, err := author.Load(c.Context, c.Args().First(), c.App.ErrWriter)
	if err != nil {
		return err
	}
	var all []author.Result
	player := author.Player{Settings: settings, Limits: limits, CacheDir: c.String("cache"), Compiler: compilerOf(c), Patience: c.Duration("patience"), Played: func(results []author.Result) {
		all = append(all, results...)
		if !c.Bool("json") {
			_ = author.WriteResults(c.App.Writer, results, c.Bool("verbose")) // the exit code tells all the same
		}
	}}
	if c.Bool("verbose") {
		player.Log = c.App.ErrWriter
	}
	played, failed, err := player.Play(c.Context, conversations, module)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := writeJSON(c.App.Writer, all); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d dialogues failed", failed, played)
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "%d of %d dialogues passed\n", played, played)
	}
	return nil
}
