package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host"
)

// route sends the topics that match a pattern to a plugin.
type route struct {
	Pattern string `json:"pattern"`
	Plugin  string `json:"plugin"`
}

func routesCommand() *cli.Command {
	return group(&cli.Command{
		Name:      "routes",
		Category:  remoteCategory,
		Usage:     "show and set which plugin has which topics",
		UsageText: "chhost routes get\nchhost routes set 'PATTERN=PLUGIN' ...",
	}, &cli.Command{
		Name: "get", Usage: "list the routes of a tenant", UsageText: "chhost routes get [FLAGS]",
		Description: "In the order in which they are tried.\n\n" +
			"Example:\n\n" +
			"   chhost routes get --tenant acme",
		Flags:  tenantFlags(),
		Action: func(c *cli.Context) error { return withTenant(c, 0, getRoutes) },
	}, &cli.Command{
		Name: "set", Usage: "replace the routes of a tenant", UsageText: "chhost routes set 'PATTERN=PLUGIN' ... [FLAGS]",
		Description: "PATTERN is a topic, or a prefix that ends in *. The first match wins, so that\n" +
			"the longer ones come first. Joins follow the new routes from then on; channels that are\n" +
			"joined keep their plugin.\n\n" +
			"Example:\n\n" +
			"   chhost routes set rooms:lobby=lobby 'rooms:*=chat' 'foods:*=foods'",
		Flags: tenantFlags(changeFlags()...), Action: setRoutes,
	})
}

func getRoutes(c *cli.Context, a *remoteHost) error {
	var list struct {
		Routes []route `json:"routes"`
	}
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of("routes")}, &list)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error { return writeRoutes(w, list.Routes) })
}

func writeRoutes(w io.Writer, list []route) error {
	rows := [][]string{{"PATTERN", "PLUGIN"}}
	for _, r := range list {
		rows = append(rows, []string{r.Pattern, r.Plugin})
	}
	return table(w, rows)
}

func setRoutes(c *cli.Context) error {
	var list []route
	var patterns []string
	for _, text := range c.Args().Slice() {
		i := strings.LastIndexByte(text, '=')
		if i <= 0 || i == len(text)-1 {
			return &usageError{nameOf(c.Command), fmt.Sprintf("%q is not of the form PATTERN=PLUGIN, such as 'rooms:*=chat'", text)}
		}
		list, patterns = append(list, route{text[:i], text[i+1:]}), append(patterns, text[:i])
	}
	if len(list) == 0 {
		return &usageError{nameOf(c.Command), "routes set needs at least one route, such as 'rooms:*=chat'"}
	}
	if err := host.CheckPatterns(patterns...); err != nil {
		return &usageError{nameOf(c.Command), err.Error()}
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	answer, err := a.ask(c, change(c, remote.Call{Method: http.MethodPut, Path: a.of("routes"), JSON: map[string]any{"routes": list}}), nil)
	if err != nil {
		return err
	}
	for _, note := range overtaken(patterns) {
		fmt.Fprintf(c.App.ErrWriter, "chhost: %s\n", remote.Printable(note))
	}
	return report(c, answer, func(w io.Writer) error { return errors.Join(writeRoutes(w, list), noteDryRun(c, w)) })
}

// overtaken says of which patterns one before them takes all topics. That is no fault,
// and hardly what was meant.
func overtaken(patterns []string) []string {
	var notes []string
	for i, p := range patterns {
		for _, before := range patterns[:i] {
			prefix, open := strings.CutSuffix(before, "*")
			if before == p || open && strings.HasPrefix(p, prefix) {
				notes = append(notes, fmt.Sprintf("no topic comes to the route %s: %s before it takes them all", p, before))
				break
			}
		}
	}
	return notes
}
