package main

import (
	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "say what a plugin is made of, and whether a host serves it",
		UsageText: "chhost check FILE.wasm|DIR [FLAGS]",
		Description: "The module in FILE.wasm, or the one that is built of the Go source in DIR, is held\n" +
			"against the contract: every fault is listed, and the exit code is 1 if there is one.\n" +
			"It is compiled anew, so the time that is told is that of a first start.\n\n" +
			"Examples:\n\n" +
			"   chhost check food.wasm\n" +
			"   chhost check plugins/food --json",
		Flags:  append(pluginFlags(), jsonFlag()),
		Action: check,
	}
}

func check(c *cli.Context) error {
	if err := arguments(c, "a module or the directory of a plugin, such as food.wasm"); err != nil {
		return err
	}
	settings, limits, err := pluginOptions(c)
	if err != nil {
		return err
	}
	module, err := author.Load(c.Context, c.Args().First(), c.App.ErrWriter)
	if err != nil {
		return err
	}
	report, err := author.Check(c.Context, compilerOf(c), module, settings, limits, c.App.ErrWriter)
	if err != nil {
		return err
	}
	if err := show(c, report); err != nil {
		return err
	}
	return report.Err()
}
