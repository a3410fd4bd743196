package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func pinCommand() *cli.Command {
	return pinning("pin", "keep a version of a plugin for ever",
		"The last twenty versions are kept, and those that are served; a pinned one is kept until\n"+
			"chhost unpin, however many follow. chhost versions tells which are.\n\n"+
			"Example:\n\n"+
			"   chhost pin chat@7", true)
}

func unpinCommand() *cli.Command {
	return pinning("unpin", "keep a version no longer than others",
		"The version is not removed by that: it goes when it is none of the last twenty.\n\n"+
			"Example:\n\n"+
			"   chhost unpin chat@7", false)
}

func pinning(name, usage, description string, pinned bool) *cli.Command {
	return &cli.Command{
		Name: name, Category: remoteCategory, Usage: usage, UsageText: "chhost " + name + " PLUGIN@VERSION [FLAGS]", Description: description,
		Flags:  tenantFlags(changeFlags()...),
		Action: func(c *cli.Context) error { return pin(c, pinned) },
	}
}

func pin(c *cli.Context, pinned bool) error {
	if err := arguments(c, "a version, such as chat@7 (chhost versions lists them)"); err != nil {
		return err
	}
	plugin, version, err := pluginVersion(c)
	if err != nil {
		return err
	}
	if version == 0 {
		return &usageError{c.Command.Name, fmt.Sprintf("%s needs the version's number too, such as %s@7 (chhost versions lists them)", c.Command.Name, plugin)}
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	call := remote.Call{Method: http.MethodPut, Path: a.of("plugins", plugin, "versions", strconv.Itoa(version), "pin"), JSON: map[string]bool{"pinned": pinned}}
	answer, err := a.ask(c, change(c, call), nil)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		done := "is kept until it is unpinned"
		switch {
		case c.Bool("dry-run"):
			done = "is there; nothing has changed"
		case !pinned:
			done = "is kept no longer than others"
		}
		_, err := fmt.Fprintf(w, "%s@%d %s\n", remote.Printable(plugin), version, done)
		return err
	})
}
