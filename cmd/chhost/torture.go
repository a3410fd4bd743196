package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/torture"
)

func tortureCommand() *cli.Command {
	return &cli.Command{
		Name:      "torture",
		Usage:     "upload hostile modules to a host and see that it stands",
		UsageText: "chhost torture [FLAGS]",
		Description: "A process of its own serves two plugins. One is replaced by a hostile module after\n" +
			"the other, more than two hundred kinds and mutations of them, each of which has to be\n" +
			"refused, to fail, or to be served as declared, for the declared reason. The other\n" +
			"plugin has to answer all the while. From a wrong verdict, an end of the process, more\n" +
			"goroutines, or more than 5 % more memory in use after the last round than after the\n" +
			"first follows an exit code of 1. Modules are compiled in a child process, as serve does,\n" +
			"with 2 seconds of processor time.\n\n" +
			"Examples:\n\n" +
			"   chhost torture\n" +
			"   chhost torture --modules 5000 --rounds 1 --seed 7 --json",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "modules", Value: torture.DefaultModules, Usage: "upload a `NUMBER` of modules per round, mutations among them"},
			&cli.IntFlag{Name: "rounds", Value: torture.DefaultRounds, Usage: "upload all of them a `NUMBER` of times"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "a `NUMBER` that makes the mutations"},
			&cli.BoolFlag{Name: "inside", Hidden: true},
			jsonFlag(),
		},
		Action: runTorture,
	}
}

func runTorture(c *cli.Context) error {
	if c.Bool("inside") {
		r, err := torture.Run(c.Context, torture.Options{Modules: c.Int("modules"), Rounds: c.Int("rounds"), Seed: c.Uint64("seed"), Compiler: compilerOf(c)})
		return errors.Join(err, json.NewEncoder(c.App.Writer).Encode(r))
	}
	r, err := tortureChild(c.Context, c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = json.NewEncoder(c.App.Writer).Encode(r)
	} else {
		err = r.Print(c.App.Writer)
	}
	return errors.Join(err, r.Failure())
}

// tortureChild runs the rounds in a process of their own, whose end is an error here.
func tortureChild(ctx context.Context, c *cli.Context) (torture.Report, error) {
	var r torture.Report
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	child := exec.CommandContext(ctx, self, "torture", "--inside", "--modules", strconv.Itoa(c.Int("modules")),
		"--rounds", strconv.Itoa(c.Int("rounds")), "--seed", strconv.FormatUint(c.Uint64("seed"), 10))
	child.Stderr = c.App.ErrWriter
	out, err := child.Output()
	if err != nil {
		return r, fmt.Errorf("the host ended: %w", err)
	}
	return r, json.Unmarshal(out, &r)
}
