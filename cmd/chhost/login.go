package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/console"
	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func loginCommand() *cli.Command {
	return &cli.Command{
		Name:      "login",
		Category:  remoteCategory,
		Usage:     "remember a host and the token for it, as a context",
		UsageText: "chhost login [NAME] --server URL [--token-file FILE] [--ca FILE] [--tenant NAME]",
		Description: "Asks the host whether it knows the token, and keeps both as the context NAME (default:\n" +
			"\"default\"), which is the current one from then on. The token is the operator's, which\n" +
			"chhost serve --data shows when it starts first, or a deploy token of one tenant, which\n" +
			"chhost deploy-token create makes. It is read from FILE, from the standard input, or\n" +
			"asked for at a terminal; never from an argument, which others see. A tenant that is\n" +
			"named has to be there.\n\n" +
			"A host at https:// needs a certificate of an authority that this machine knows, or of one\n" +
			"in the file that --ca names. Those certificates are kept in the context, and every other\n" +
			"authority is refused for it then, until chhost logout, or another --ca.\n\n" +
			"Contexts lie in chhost/contexts.json below $XDG_CONFIG_HOME (or ~/.config), which only\n" +
			"you can read. Without a login, as in CI, CHHOST_SERVER, CHHOST_TOKEN, CHHOST_CA and\n" +
			"CHHOST_TENANT say the same.\n\n" +
			"Examples:\n\n" +
			"   chhost login --token-file data/operator-token\n" +
			"   chhost login prod --server https://admin.example.com --tenant acme < token\n" +
			"   chhost login prod --server https://10.0.0.7:4001 --ca ca.pem --token-file token",
		Flags: tenantFlags(
			&cli.BoolFlag{Name: "plain", Usage: "send the token over http:// to another machine, where everybody on the way can read it"},
		),
		Action: login,
	}
}

func login(c *cli.Context) error {
	if err := optional(c, 1); err != nil {
		return err
	}
	name := either(c.Args().First(), "default")
	if strings.Contains(name, "://") {
		return &usageError{c.Command.Name, fmt.Sprintf("%s is an address, and a context has a name: chhost login --server %s", name, name)}
	}
	file, err := remote.ContextsFile(os.Getenv)
	if err != nil {
		return err
	}
	all, err := remote.ReadContexts(file)
	if err != nil {
		return err
	}
	added, err := loginContext(c, all.Contexts[name])
	if err != nil {
		return err
	}
	client, err := remote.New(remote.Config{Server: added.Server, Token: added.Token, Plain: added.Plain, CA: added.CA, Agent: "chhost/" + version()})
	if err != nil {
		return err
	}
	defer client.Close()
	var who identity
	a := &remoteHost{Client: client}
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: remote.Path("v1", "whoami")}, &who)
	if err != nil {
		return err
	}
	if a.tenant = c.String("tenant"); a.tenant != "" {
		if err := a.isThere(c); err != nil {
			return told(c, err)
		}
	}
	added.Tenant = either(added.Tenant, who.Tenant)
	all.Put(name, added)
	if err := all.Write(file); err != nil {
		return fmt.Errorf("the context cannot be kept: %w", err)
	}
	return report(c, answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "logged in to %s as %s; the context %q is the current one\n", added.Server, who, name)
		return err
	})
}

// loginContext is what the flags, the environment and the context that is there say.
func loginContext(c *cli.Context, kept remote.Context) (added remote.Context, err error) {
	added = remote.Context{
		Server: either(c.String("server"), os.Getenv("CHHOST_SERVER"), kept.Server, defaultServer),
		Tenant: either(c.String("tenant"), os.Getenv("CHHOST_TENANT")),
		Plain:  c.Bool("plain"),
	}
	at, err := remote.ParseServer(added.Server)
	if err != nil {
		return added, &usageError{"login", "--server: " + err.Error()}
	}
	added.Server = at.String()
	if added.CA, err = givenCA(c, os.Getenv, added.Server); err != nil {
		return added, err
	}
	if added.CA == "" && added.Server == kept.Server {
		added.CA = kept.CA
	}
	added.Token, err = loginToken(c)
	return added, err
}

// identity is who a token is.
type identity struct {
	Name     string `json:"name"`
	Operator bool   `json:"operator"`
	Tenant   string `json:"tenant"`
}

func (who identity) String() string {
	if who.Operator {
		return "the operator"
	}
	return fmt.Sprintf("the deploy token %s of the tenant %s", remote.Printable(who.Name), remote.Printable(who.Tenant))
}

// loginToken is the token that is given, or asked for.
func loginToken(c *cli.Context) (string, error) {
	token, err := givenToken(c, os.Getenv)
	if token != "" || err != nil {
		return token, err
	}
	if c.App.Reader == os.Stdin && isTerminal(os.Stdin) {
		if token, err = console.Secret("token: "); err != nil {
			return "", fmt.Errorf("no token was typed (%s): name its file with --token-file", strings.TrimPrefix(err.Error(), "liner: "))
		}
	} else {
		data, err := readInput(c, "-", 64<<10)
		if err != nil {
			return "", err
		}
		token = string(data)
	}
	return oneLine(token, "the standard input")
}

func logoutCommand() *cli.Command {
	return &cli.Command{
		Name:      "logout",
		Category:  remoteCategory,
		Usage:     "forget a context and its token",
		UsageText: "chhost logout [NAME]",
		Description: "Forgets the context NAME, or the current one. The host is not asked: a deploy token\n" +
			"holds until it expires, or until chhost deploy-token revoke.\n\n" +
			"Example:\n\n" +
			"   chhost logout prod",
		Action: logout,
	}
}

func logout(c *cli.Context) error {
	if err := optional(c, 1); err != nil {
		return err
	}
	return changeContexts(func(all *remote.Contexts) error {
		name := either(c.Args().First(), all.Current)
		if _, found, err := all.Find(name); err != nil || !found {
			return orError(err, "there is no context to forget")
		}
		all.Remove(name)
		fmt.Fprintf(c.App.Writer, "the context %q is forgotten\n", name)
		if all.Current != "" {
			fmt.Fprintf(c.App.Writer, "the current one is %q\n", all.Current)
		}
		return nil
	})
}

func contextsCommand() *cli.Command {
	return &cli.Command{
		Name:      "contexts",
		Category:  remoteCategory,
		Usage:     "list the hosts that you have logged in to, and choose one",
		UsageText: "chhost contexts [use NAME] [--tenant NAME]",
		Description: "Without an argument it lists the contexts, without their tokens; the current one has a\n" +
			"star. use makes another one the current one; --tenant sets its tenant, which the host\n" +
			"has to have, if it answers.\n\n" +
			"Examples:\n\n" +
			"   chhost contexts\n" +
			"   chhost contexts use prod --tenant acme",
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "tenant", Aliases: []string{"t"}, Usage: "use: the tenant that is meant from now on, `NAME`"},
			jsonFlag(),
		},
		Action: contexts,
	}
}

func contexts(c *cli.Context) error {
	if err := optional(c, 2); err != nil {
		return err
	}
	switch c.Args().First() {
	case "":
		if c.IsSet("tenant") {
			return &usageError{"contexts", "--tenant belongs to contexts use NAME"}
		}
		return listContexts(c)
	case "use":
		if c.Args().Get(1) == "" {
			return &usageError{"contexts", "contexts use needs the name of a context (chhost contexts lists them)"}
		}
		return changeContexts(func(all *remote.Contexts) error { return useContext(c, all, c.Args().Get(1)) })
	}
	return &usageError{"contexts", "contexts takes nothing, or use NAME"}
}

// useContext makes a context the current one. If its tenant is named the host is asked
// whether it has it; a host that does not answer is believed to.
func useContext(c *cli.Context, all *remote.Contexts, name string) error {
	chosen, _, err := all.Find(name)
	if err != nil {
		return err
	}
	if tenant := c.String("tenant"); tenant != "" {
		chosen.Tenant = tenant
		client, err := remote.New(remote.Config{Server: chosen.Server, Token: chosen.Token, Plain: chosen.Plain, CA: chosen.CA, Agent: "chhost/" + version()})
		if err != nil {
			return err
		}
		defer client.Close()
		var refused *remote.Error
		if err := (&remoteHost{client, tenant}).isThere(c); errors.As(err, &refused) {
			return told(c, err)
		} else if err != nil {
			fmt.Fprintf(c.App.ErrWriter, "chhost: nobody has said whether there is a tenant %q: %v\n", tenant, err)
		}
	}
	all.Put(name, chosen)
	fmt.Fprintf(c.App.Writer, "%q is the current context: %s, tenant %s\n", name, chosen.Server, either(chosen.Tenant, defaultTenant))
	return nil
}

// isThere asks the host whether it has the tenant. The error is a [*remote.Error] if it
// has not, and says which one may be meant.
func (a *remoteHost) isThere(c *cli.Context) error {
	_, err := a.Do(c.Context, remote.Call{Method: http.MethodGet, Path: a.of()})
	var refused *remote.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		return err
	}
	var tenants []record
	if _, err := a.list(c, remote.Path("v1", "tenants"), "tenants", &tenants); err == nil {
		names := make([]string, len(tenants))
		for i, t := range tenants {
			names[i] = t.Name
		}
		refused.Message += perhaps(a.tenant, names)
	}
	return refused
}

func listContexts(c *cli.Context) error {
	file, err := remote.ContextsFile(os.Getenv)
	if err != nil {
		return err
	}
	all, err := remote.ReadContexts(file)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		for name, of := range all.Contexts {
			of.Token = ""
			all.Contexts[name] = of
		}
		data, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return writeRaw(c.App.Writer, data)
	}
	if len(all.Contexts) == 0 {
		_, err := fmt.Fprintln(c.App.Writer, "there is no context: chhost login makes one")
		return err
	}
	rows := [][]string{{" ", "CONTEXT", "SERVER", "TENANT"}}
	for _, name := range all.Names() {
		mark := " "
		if name == all.Current {
			mark = "*"
		}
		rows = append(rows, []string{mark, name, all.Contexts[name].Server, either(all.Contexts[name].Tenant, defaultTenant)})
	}
	return table(c.App.Writer, rows)
}

// changeContexts lets f edit the contexts, and keeps them if it returns no error.
func changeContexts(f func(*remote.Contexts) error) error {
	file, err := remote.ContextsFile(os.Getenv)
	if err != nil {
		return err
	}
	all, err := remote.ReadContexts(file)
	if err != nil {
		return err
	}
	if err := f(&all); err != nil {
		return err
	}
	return all.Write(file)
}

func orError(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}
