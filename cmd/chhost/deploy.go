package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/tenant"
)

func deployCommand() *cli.Command {
	return &cli.Command{
		Name:      "deploy",
		Category:  remoteCategory,
		Usage:     "serve a version of a plugin",
		UsageText: "chhost deploy PLUGIN[@VERSION] [--strategy NAME] [FLAGS]",
		Description: "New joins go to the version at once. What becomes of the channels that are joined is\n" +
			"the strategy's:\n\n" +
			"   immediate  each moves between two of its messages, with its state (the default)\n" +
			"   new-joins  they stay with the version that they have\n" +
			"   drain      they end with phx_error, so that their clients join again: a few at a\n" +
			"              time within --window, so that not all come back at once\n" +
			"   canary     --percent N of the topics have it, always the same ones; the version\n" +
			"              before stays active. A larger N later adds topics, deploy PLUGIN@VERSION\n" +
			"              makes it the active one, and rollback ends it\n\n" +
			"No socket is closed and no message lost with any of them. Without VERSION it is the\n" +
			"newest. A version that crashes too often within a minute is taken back by the host.\n\n" +
			"Examples:\n\n" +
			"   chhost deploy chat\n" +
			"   chhost deploy chat@7 --dry-run\n" +
			"   chhost deploy chat --strategy canary --percent 10",
		Flags: tenantFlags(changeFlags(
			&cli.IntFlag{Name: "version", Usage: "the version of the number `N`", DefaultText: "the newest"},
			&cli.StringFlag{Name: "strategy", Usage: "immediate, new-joins, drain or canary: `NAME`", DefaultText: "immediate"},
			&cli.IntFlag{Name: "percent", Usage: "canary: `N` of a hundred topics, 1 to 99"},
			&cli.DurationFlag{Name: "window", Usage: "drain: end the channels within about this `TIME`", DefaultText: "10s"},
		)...),
		Action: deploy,
	}
}

// deployment is what became of a deploy.
type deployment struct {
	Plugin   string `json:"plugin"`
	Version  string `json:"version"`
	Previous string `json:"previous"`
	Digest   string `json:"digest"`
	Strategy string `json:"strategy"`
	Percent  int    `json:"percent"`
	Revision uint64 `json:"revision"`
	Moved    int    `json:"moved"`
	Stayed   int    `json:"stayed"`
	Ended    int    `json:"ended"`
	Moving   bool   `json:"moving"`
	DryRun   bool   `json:"dry_run"`
}

func deploy(c *cli.Context) error {
	if err := arguments(c, "the name of a plugin, such as chat or chat@7 (chhost versions lists them)"); err != nil {
		return err
	}
	plugin, version, err := pluginVersion(c)
	if err != nil {
		return err
	}
	body := map[string]any{}
	if version != 0 {
		body["version"] = version
	}
	strategy, percent := tenant.Strategy(c.String("strategy")), c.Int("percent")
	switch strategy {
	case "", tenant.Immediate, tenant.NewJoins, tenant.Drained, tenant.Canary:
	default:
		return &usageError{"deploy", fmt.Sprintf("--strategy %q is none of immediate, new-joins, drain and canary", strategy)}
	}
	switch {
	case strategy == tenant.Canary && (percent < 1 || percent > 99):
		return &usageError{"deploy", "--strategy canary needs --percent, from 1 to 99"}
	case strategy != tenant.Canary && c.IsSet("percent"):
		return &usageError{"deploy", "--percent belongs to --strategy canary"}
	}
	if strategy != "" {
		body["strategy"] = strategy
	}
	if percent != 0 {
		body["percent"] = percent
	}
	if c.IsSet("window") {
		if strategy != tenant.Drained {
			return &usageError{"deploy", "--window belongs to --strategy drain"}
		}
		body["window"] = c.Duration("window").String()
	}
	return runDeploy(c, plugin, "deploy", body)
}

// pluginVersion reads PLUGIN[@VERSION] and --version.
func pluginVersion(c *cli.Context) (plugin string, version int, err error) {
	plugin, text, behind := strings.Cut(c.Args().First(), "@")
	version = c.Int("version")
	if plugin == "" {
		return "", 0, &usageError{nameOf(c.Command), fmt.Sprintf("%q is no plugin: expected its name before the @, such as chat@7", c.Args().First())}
	}
	if behind {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return "", 0, &usageError{nameOf(c.Command), fmt.Sprintf("%q is no version: expected a number behind the @, such as %s@7", text, plugin)}
		}
		if version != 0 && version != n {
			return "", 0, &usageError{nameOf(c.Command), fmt.Sprintf("%s@%d and --version %d are two versions", plugin, n, version)}
		}
		version = n
	}
	if version < 0 {
		return "", 0, &usageError{nameOf(c.Command), "--version is a number from 1 on"}
	}
	return plugin, version, nil
}

// pluginAlone is the argument of a command that is about a plugin with all its versions.
func pluginAlone(c *cli.Context, want string) (string, error) {
	if err := arguments(c, want); err != nil {
		return "", err
	}
	return c.Args().First(), checkAlone(c, c.Args().First())
}

// checkAlone checks that a text may be the name of a plugin, and is not that of a version.
func checkAlone(c *cli.Context, text string) error {
	plugin, version, behind := strings.Cut(text, "@")
	switch {
	case plugin == "":
		return &usageError{nameOf(c.Command), fmt.Sprintf("%q is no plugin: %s needs %s", text, nameOf(c.Command), whichPlugin)}
	case behind:
		return &usageError{nameOf(c.Command), fmt.Sprintf("%s takes a plugin without a version, such as %s; chhost deploy %s@%s serves that one", nameOf(c.Command), plugin, plugin, version)}
	}
	return nil
}

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Category:  remoteCategory,
		Usage:     "serve the version of a plugin that was served before",
		UsageText: "chhost rollback PLUGIN [FLAGS]",
		Description: "The version before the active one is served again; its code is still there. Joined\n" +
			"channels go back with it, and have the state that they had, unless it has changed since.\n" +
			"Of a canary it is the end. Once more goes back further.\n\n" +
			"Example:\n\n" +
			"   chhost rollback chat",
		Flags: tenantFlags(changeFlags()...),
		Action: func(c *cli.Context) error {
			plugin, err := pluginAlone(c, "the name of a plugin, such as chat")
			if err != nil {
				return err
			}
			return runDeploy(c, plugin, "rollback", nil)
		},
	}
}

func runDeploy(c *cli.Context, plugin, action string, body any) error {
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	var d deployment
	answer, err := a.deploy(c, plugin, change(c, remote.Call{Path: a.of("plugins", plugin, action), JSON: body}), &d)
	if err != nil {
		return err
	}
	return report(c, answer, d.writeText)
}

// deploy makes a call that deploys, and waits until the channels have moved.
func (a *remoteHost) deploy(c *cli.Context, plugin string, call remote.Call, d *deployment) (*remote.Answer, error) {
	p := newProgress(c.App.ErrWriter, isTerminal(c.App.ErrWriter), "the channels of "+plugin+" move")
	defer p.end()
	call.Method = http.MethodPost
	answer, err := a.Do(c.Context, call)
	p.end()
	if err == nil {
		err = answer.Into(d)
	}
	return answer, told(c, err)
}

func (d deployment) writeText(w io.Writer) error {
	verb := "is served"
	switch {
	case d.Percent == 0 && d.Previous == d.Version:
		verb = "is served already"
	case d.DryRun:
		verb = "would be served"
	}
	fmt.Fprintf(w, "%s %s (%s)", remote.Printable(d.Version), verb, remote.Printable(d.Digest))
	if d.Percent > 0 {
		fmt.Fprintf(w, " to %d%% of the topics", d.Percent)
	}
	if d.Previous != "" && d.Previous != d.Version {
		fmt.Fprintf(w, ", after %s", remote.Printable(d.Previous))
	}
	fmt.Fprintln(w)
	if d.Moved+d.Stayed+d.Ended > 0 {
		fmt.Fprintf(w, "channels: %d moved, %d stay with the version that they have, %d ended\n", d.Moved, d.Stayed, d.Ended)
	}
	if d.Moving {
		fmt.Fprintln(w, "more are moving")
	}
	if !d.DryRun {
		fmt.Fprintf(w, "the tenant is at revision %d\n", d.Revision)
	}
	return nil
}

func versionsCommand() *cli.Command {
	return &cli.Command{
		Name:      "versions",
		Category:  remoteCategory,
		Usage:     "list the stored versions of a plugin",
		UsageText: "chhost versions PLUGIN [FLAGS]",
		Description: "Oldest first. The last twenty are kept, and those that are served or that the next\n" +
			"roll-backs go to; chhost pin keeps one for ever.\n\n" +
			"Example:\n\n" +
			"   chhost versions chat",
		Flags:  tenantFlags(),
		Action: versions,
	}
}

func versions(c *cli.Context) error {
	plugin, err := pluginAlone(c, whichPlugin)
	if err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	var list []uploaded
	answer, err := a.list(c, a.of("plugins", plugin, "versions"), "versions", &list)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"VERSION", "DIGEST", "SIZE", "UPLOADED", "BY", "STATE"}}
		for _, v := range list {
			rows = append(rows, []string{v.Name, v.short(), sized(v.Size), v.Uploaded.Local().Format("2006-01-02 15:04:05"), v.By, v.state()})
		}
		return table(w, rows)
	})
}

func (v uploaded) state() string {
	var words []string
	for _, s := range []struct {
		is   bool
		word string
	}{{v.Active, "active"}, {v.Canary, "canary"}, {v.Pinned, "pinned"}} {
		if s.is {
			words = append(words, s.word)
		}
	}
	return strings.Join(words, ", ")
}

func logsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Category:  remoteCategory,
		Usage:     "show what a plugin has logged",
		UsageText: "chhost logs PLUGIN [-f] [FLAGS]",
		Description: "What the host has of the newest lines: those that the plugin writes, and its traps. Each\n" +
			"tells the version that wrote it. With -f it goes on until it is interrupted. --json\n" +
			"writes one object in each line.\n\n" +
			"Examples:\n\n" +
			"   chhost logs chat\n" +
			"   chhost logs chat -f --tenant acme",
		Flags: tenantFlags(
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
		),
		Action: logs,
	}
}

func logs(c *cli.Context) error {
	plugin, err := pluginAlone(c, whichPlugin)
	if err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	call := remote.Call{Method: http.MethodGet, Path: a.of("plugins", plugin, "logs"), Accept: "text/event-stream"}
	if c.Bool("follow") {
		call.Query = url.Values{"follow": {"1"}}
	}
	stream, err := a.Stream(c.Context, call)
	if err != nil {
		return told(c, err)
	}
	defer stream.Close()
	err = remote.Events(stream, func(e remote.Event) error { return writeLogLine(c, e) })
	if c.Context.Err() != nil {
		return nil // an interrupt is how following ends
	}
	if err == nil && c.Bool("follow") {
		err = errors.New("the host has ended the stream: it is stopping, or the plugin is gone")
	}
	return err
}
