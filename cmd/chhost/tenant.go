package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
)

func tenantCommand() *cli.Command {
	return group(&cli.Command{
		Name:     "tenant",
		Category: remoteCategory,
		Usage:    "create and change the tenants of a host",
		UsageText: "chhost tenant create|set NAME [FLAGS]\n" +
			"chhost tenant show|usage|topics|sockets|audit|suspend|resume|drain [NAME]\n" +
			"chhost tenant disconnect SOCKET [--tenant NAME]\n" +
			"chhost tenant delete NAME --yes\n" +
			"chhost tenant list|limits",
		Description: "A tenant owns plugins, routes, limits and a namespace of topics. Its clients connect to\n" +
			"/t/NAME/socket, or to /socket below a host name of its own. The tenant \"default\", at\n" +
			"/socket, is always there. Without NAME it is the context's. A deploy token may\n" +
			"show, usage, topics, sockets, audit and disconnect; the rest is the operator's.",
	}, tenantCreateCommand(), tenantSetCommand(),
		tenantPart("show", "show what is stored of a tenant", "", showTenant),
		tenantListCommand(),
		tenantPart("usage", "show what a tenant uses", "What is of now, and what was counted since the host started.", tenantUsage),
		tenantPart("topics", "list the topics that are joined now", "", tenantTopics),
		tenantPart("sockets", "list the clients that are connected now", "", tenantSockets),
		tenantDisconnectCommand(),
		tenantPart("audit", "show who changed what", "The newest 100 entries of the tenant's part of the audit log, oldest first.", tenantAudit),
		tenantPart("suspend", "refuse the clients of a tenant until it is resumed", "They are disconnected with code 1013, and refused with \"tenant_suspended\".", tenantDo("suspend")),
		tenantPart("resume", "let the clients of a suspended tenant in again", "", tenantDo("resume")),
		tenantDrainCommand(), tenantDeleteCommand(), tenantLimitsCommand())
}

// tenantPart is a command about one tenant that takes nothing but its name.
func tenantPart(name, usage, description string, action func(c *cli.Context, a *remoteHost) error) *cli.Command {
	if description != "" {
		description += "\n\n"
	}
	description += "Example:\n\n   chhost tenant " + name + " acme"
	return &cli.Command{
		Name: name, Usage: usage, UsageText: "chhost tenant " + name + " [NAME] [FLAGS]", Description: description,
		Flags:  tenantFlags(),
		Action: func(c *cli.Context) error { return withTenant(c, 1, action) },
	}
}

// withTenant connects to the host and lets the argument name the tenant. At most most
// arguments are taken.
func withTenant(c *cli.Context, most int, action func(c *cli.Context, a *remoteHost) error) error {
	if err := optional(c, most); err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	a.tenant = either(c.Args().First(), a.tenant)
	return action(c, a)
}

// settingFlags are read by edits.
func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "host", Usage: "clients reach it by the host name `NAME`, such as acme.example.com (repeatable)"},
		&cli.StringSliceFlag{Name: "origin", Usage: "pages of `ORIGIN` may connect, such as https://acme.example.com (repeatable)"},
		&cli.StringSliceFlag{Name: "limit", Usage: "a bound, `NAME=N`, or NAME=default; chhost tenant limits lists them (repeatable)"},
		&cli.StringFlag{Name: "connect", Usage: "the plugin `NAME` decides about new sockets"},
		&cli.StringFlag{Name: "issuer", Usage: "clients bring tokens of this issuer (iss), `TEXT`"},
		&cli.StringSliceFlag{Name: "audience", Usage: "which are for this audience (aud), `TEXT` (repeatable)"},
		&cli.StringFlag{Name: "keys", Usage: "and are verified with the keys in `FILE`: JSON Web Keys or PEM, public ones or a shared secret; - is the standard input"},
		&cli.StringFlag{Name: "jwks", Usage: "or with those that the issuer publishes at the https `URL`"},
		&cli.StringFlag{Name: "issuers", Usage: "in place of these four: several issuers, as the JSON in `FILE`, [{\"issuer\", \"audience\", \"keys\" or \"jwks\"}]"},
	}
}

// settings are what is stored of a tenant and can be set.
type settings struct {
	Hosts   []string         `json:"hosts"`
	Origins []string         `json:"origins"`
	Limits  map[string]int64 `json:"limits"`
	Issuers json.RawMessage  `json:"issuers,omitempty"`
	Connect string           `json:"connect"`
}

// edits are what the flags want changed. What they do not name is left as it is.
func edits(c *cli.Context) (func(*settings), error) {
	limits := map[string]*int64{} // nil: the default
	for _, text := range c.StringSlice("limit") {
		name, n, err := limitOf(c, text)
		if err != nil {
			return nil, err
		}
		limits[name] = n
	}
	issuers, err := issuersOf(c)
	if err != nil {
		return nil, err
	}
	return func(s *settings) {
		if c.IsSet("host") {
			s.Hosts = c.StringSlice("host")
		}
		if c.IsSet("origin") {
			s.Origins = c.StringSlice("origin")
		}
		if c.IsSet("connect") {
			s.Connect = c.String("connect")
		}
		if issuers != nil {
			s.Issuers = issuers
		}
		if s.Limits == nil {
			s.Limits = make(map[string]int64)
		}
		for name, n := range limits {
			if delete(s.Limits, name); n != nil {
				s.Limits[name] = *n
			}
		}
	}, nil
}

// issuersOf are those that the flags name, as JSON, or nil if they name none.
func issuersOf(c *cli.Context) (json.RawMessage, error) {
	one := c.IsSet("issuer") || c.IsSet("audience") || c.IsSet("keys") || c.IsSet("jwks")
	file := c.String("issuers")
	switch {
	case one && file != "":
		return nil, &usageError{nameOf(c.Command), "--issuers is in place of --issuer, --audience, --keys and --jwks"}
	case file != "":
		data, err := readInput(c, file, 1<<20)
		if err == nil && !json.Valid(data) {
			err = fmt.Errorf("--issuers %s is no JSON", file)
		}
		return data, err
	case !one:
		return nil, nil
	case !c.IsSet("keys") && !c.IsSet("jwks"):
		return nil, &usageError{nameOf(c.Command), "an issuer needs --keys FILE or --jwks URL, or nobody could verify its tokens"}
	}
	issuer := map[string]any{"issuer": c.String("issuer"), "audience": c.StringSlice("audience")}
	if url := c.String("jwks"); url != "" {
		issuer["jwks"] = url
	}
	if file := c.String("keys"); file != "" {
		data, err := readInput(c, file, 256<<10)
		if err != nil {
			return nil, err
		}
		keys, err := token.ParseKeys(data)
		if err != nil {
			return nil, fmt.Errorf("--keys %s: %w", file, err)
		}
		if slices.ContainsFunc(keys, isPrivate) {
			return nil, fmt.Errorf("--keys %s %w", file, errPrivate)
		}
		issuer["keys"] = string(data)
	}
	return json.Marshal([]any{issuer})
}

// limitOf reads NAME=N; nil is the default.
func limitOf(c *cli.Context, text string) (name string, n *int64, err error) {
	name, value, ok := strings.Cut(text, "=")
	var names []string
	for _, l := range tenant.LimitTable() {
		names = append(names, l.Name)
	}
	if !slices.Contains(names, name) {
		return "", nil, &usageError{nameOf(c.Command), fmt.Sprintf("--limit %s: there is no limit %q%s (chhost tenant limits lists them)", text, name, perhaps(name, names))}
	}
	if !ok {
		return "", nil, &usageError{nameOf(c.Command), fmt.Sprintf("--limit %q is not of the form NAME=N, such as %s=1000 or %s=default", text, name, name)}
	}
	if value == "default" {
		return name, nil, nil
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", nil, &usageError{nameOf(c.Command), fmt.Sprintf("--limit %q: expected a whole number, or default", text)}
	}
	return name, &number, nil
}

func tenantCreateCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "add a tenant",
		UsageText: "chhost tenant create NAME [--host NAME ...] [FLAGS]",
		Description: "NAME is up to 63 lower case letters, digits and hyphens. What is not set can be set\n" +
			"later, with chhost tenant set.\n\n" +
			"Examples:\n\n" +
			"   chhost tenant create acme\n" +
			"   chhost tenant create acme --host acme.rt.example.com --limit connections=500",
		Flags: remoteFlags(append(settingFlags(), changeFlags()[0])...),
		Action: func(c *cli.Context) error {
			if err := arguments(c, "the name of the new tenant, such as acme"); err != nil {
				return err
			}
			return withTenant(c, 1, func(c *cli.Context, a *remoteHost) error {
				edit, err := edits(c)
				if err != nil {
					return err
				}
				var s settings
				edit(&s)
				return putTenant(c, a, remote.Call{JSON: s, IfMissing: true}, "is created")
			})
		},
	}
}

func tenantSetCommand() *cli.Command {
	return &cli.Command{
		Name:      "set",
		Usage:     "change the settings of a tenant",
		UsageText: "chhost tenant set [NAME] [--host NAME ...] [--clear WHAT] [FLAGS]",
		Description: "What a flag names is replaced, and the rest stays; of the limits each for itself. --clear\n" +
			"sets a list back first. If somebody else changes the tenant at the same time, it is\n" +
			"refused.\n\n" +
			"Examples:\n\n" +
			"   chhost tenant set acme --limit connections=1000 --limit topics=default\n" +
			"   chhost tenant set acme --clear hosts --origin https://acme.example.com",
		Flags: tenantFlags(append(settingFlags(),
			append(changeFlags(), &cli.StringSliceFlag{Name: "clear", Usage: "set `WHAT` back first: hosts, origins, limits, issuers or connect (repeatable)"})...)...),
		Action: func(c *cli.Context) error { return withTenant(c, 1, setTenant) },
	}
}

func setTenant(c *cli.Context, a *remoteHost) error {
	edit, err := edits(c)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc([]string{"host", "origin", "limit", "connect", "issuer", "audience", "keys", "jwks", "issuers", "clear"}, c.IsSet) {
		return &usageError{nameOf(c.Command), "tenant set needs what to change, such as --limit topics=1000 or --clear hosts"}
	}
	var s settings
	back := map[string]func(){
		"hosts": func() { s.Hosts = nil }, "origins": func() { s.Origins = nil }, "limits": func() { s.Limits = nil },
		"issuers": func() { s.Issuers = nil }, "connect": func() { s.Connect = "" },
	}
	for _, what := range c.StringSlice("clear") {
		if back[what] == nil {
			return &usageError{nameOf(c.Command), fmt.Sprintf("--clear %q is none of %s%s", what, strings.Join(slices.Sorted(maps.Keys(back)), ", "), perhaps(what, slices.Sorted(maps.Keys(back))))}
		}
	}
	before, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of()}, &s)
	if err != nil {
		return err
	}
	for _, what := range c.StringSlice("clear") {
		back[what]()
	}
	edit(&s)
	call := change(c, remote.Call{JSON: s})
	if call.IfRevision == 0 {
		call.IfRevision = before.Revision
	}
	return putTenant(c, a, call, "is changed")
}

// putTenant stores the settings of a tenant.
func putTenant(c *cli.Context, a *remoteHost, call remote.Call, done string) error {
	call = withDryRun(c, call)
	call.Method, call.Path = http.MethodPut, a.of()
	var t record
	answer, err := a.ask(c, call, &t)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		if c.Bool("dry-run") {
			done = "could be stored; nothing has changed"
		}
		_, err := fmt.Fprintf(w, "the tenant %s %s (revision %d)\n", a.tenant, done, t.Revision)
		return err
	})
}

func tenantDo(action string) func(c *cli.Context, a *remoteHost) error {
	return func(c *cli.Context, a *remoteHost) error {
		var t record
		answer, err := a.ask(c, remote.Call{Method: http.MethodPost, Path: a.of(action)}, &t)
		if err != nil {
			return err
		}
		return report(c, answer, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "the tenant %s is %sed\n", a.tenant, strings.TrimSuffix(action, "e"))
			return err
		})
	}
}

func tenantDrainCommand() *cli.Command {
	return &cli.Command{
		Name:      "drain",
		Usage:     "close the sockets of a tenant, a few at a time",
		UsageText: "chhost tenant drain [NAME] [--window TIME] [FLAGS]",
		Description: "Clients are told to come back (code 1012), here or where a load balancer leads them by\n" +
			"then. The command returns when all are closed.\n\n" +
			"Example:\n\n" +
			"   chhost tenant drain acme --window 1s",
		Flags:  tenantFlags(&cli.DurationFlag{Name: "window", Usage: "within this `TIME`", DefaultText: "10s"}),
		Action: func(c *cli.Context) error { return withTenant(c, 1, drainTenant) },
	}
}

func drainTenant(c *cli.Context, a *remoteHost) error {
	body := map[string]string{}
	if c.IsSet("window") {
		body["window"] = c.Duration("window").String()
	}
	p := newProgress(c.App.ErrWriter, isTerminal(c.App.ErrWriter), "the sockets of "+a.tenant+" are closed")
	defer p.end()
	var drained struct {
		Closed int `json:"closed"`
	}
	answer, err := a.ask(c, remote.Call{Method: http.MethodPost, Path: a.of("drain"), JSON: body}, &drained)
	p.end()
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "closed %s of %s\n", number(drained.Closed, "socket"), a.tenant)
		return err
	})
}

func tenantDeleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "forget a tenant with its plugins",
		UsageText: "chhost tenant delete NAME --yes [FLAGS]",
		Description: "Its clients are disconnected, and its plugins, versions and settings are gone: only a\n" +
			"backup brings them back.\n\n" +
			"Example:\n\n" +
			"   chhost tenant delete acme --yes",
		Flags: remoteFlags(&cli.BoolFlag{Name: "yes", Usage: "that is meant"}),
		Action: func(c *cli.Context) error {
			if err := arguments(c, "the name of a tenant"); err != nil {
				return err
			}
			if !c.Bool("yes") {
				return &usageError{nameOf(c.Command), fmt.Sprintf("that cannot be undone: add --yes if all of %s is to go", c.Args().First())}
			}
			return withTenant(c, 1, func(c *cli.Context, a *remoteHost) error {
				answer, err := a.ask(c, remote.Call{Method: http.MethodDelete, Path: a.of()}, nil)
				if err != nil {
					return err
				}
				return report(c, answer, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "the tenant %s is deleted\n", a.tenant)
					return err
				})
			})
		},
	}
}

func tenantLimitsCommand() *cli.Command {
	return &cli.Command{
		Name:      "limits",
		Usage:     "list what --limit can bound",
		UsageText: "chhost tenant limits",
		Description: "Each with its default, and the error that tells of it; \"the host's\" is what the host was\n" +
			"started with. No host is asked.\n\n" +
			"Example:\n\n" +
			"   chhost tenant limits",
		Action: func(c *cli.Context) error {
			if err := arguments(c); err != nil {
				return err
			}
			rows := [][]string{{"LIMIT", "DEFAULT", "OF", "ERROR", "BOUNDS"}}
			for _, l := range tenant.LimitTable() {
				value := "the host's"
				if l.Default != 0 {
					value = strconv.FormatInt(l.Default, 10)
				}
				rows = append(rows, []string{l.Name, value, l.Unit, l.Error, l.Sense})
			}
			return table(c.App.Writer, rows)
		},
	}
}
