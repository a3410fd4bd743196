package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
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
			"the other; a client of the other plugin asks all the time, and has to be answered.\n" +
			"Each kind of module says what is to become of it, and for which reason. From a wrong\n" +
			"verdict, another reason, an end of the process, more goroutines, or more than 5 %\n" +
			"more memory in use after the last round than after the first follows an exit code\n" +
			"of 1.\n\n" +
			"Examples:\n\n" +
			"   chhost torture\n" +
			"   chhost torture --only '^flood_' --modules 500\n" +
			"   chhost torture --modules 5000 --rounds 1 --seed 7 --json",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "modules", Value: torture.DefaultModules, Usage: "upload a `NUMBER` of modules per round, mutations among them"},
			&cli.IntFlag{Name: "rounds", Value: torture.DefaultRounds, Usage: "upload all of them a `NUMBER` of times"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "a `NUMBER` that makes the mutations"},
			&cli.StringFlag{Name: "only", Usage: "upload only kinds whose name matches a `REGEXP`, and mutations of them"},
			&cli.BoolFlag{Name: "in-process", Usage: "compile in the host's process, without the kinds that only a compiler's own process survives"},
			&cli.BoolFlag{Name: "inside", Hidden: true},
			jsonFlag(),
		},
		Action: runTorture,
	}
}

func runTorture(c *cli.Context) error {
	o := torture.Options{Modules: c.Int("modules"), Rounds: c.Int("rounds"), Seed: c.Uint64("seed")}
	if !c.Bool("in-process") {
		o.Compiler = compilerOf(c)
	}
	if only := c.String("only"); only != "" {
		var err error
		if o.Only, err = regexp.Compile(only); err != nil {
			return &usageError{c.Command.Name, fmt.Sprintf("--only %q is no regular expression: %v", only, err)}
		}
	}
	if c.Bool("inside") {
		r, err := torture.Run(c.Context, o)
		return errors.Join(err, json.NewEncoder(c.App.Writer).Encode(r))
	}
	r, err := tortureChild(c)
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
func tortureChild(c *cli.Context) (torture.Report, error) {
	var r torture.Report
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	args := []string{"torture", "--inside", "--modules", strconv.Itoa(c.Int("modules")), "--rounds", strconv.Itoa(c.Int("rounds")),
		"--seed", strconv.FormatUint(c.Uint64("seed"), 10), "--only", c.String("only")}
	if c.Bool("in-process") {
		args = append(args, "--in-process")
	}
	child := exec.CommandContext(c.Context, self, args...)
	child.Stderr = c.App.ErrWriter
	out, err := child.Output()
	if err != nil {
		return r, fmt.Errorf("the host ended: %w", err)
	}
	return r, json.Unmarshal(out, &r)
}
