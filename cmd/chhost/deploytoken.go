package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func deployTokenCommand() *cli.Command {
	return group(&cli.Command{
		Name:     "deploy-token",
		Category: remoteCategory,
		Usage:    "create and revoke the tokens that let others deploy (not those of clients: chhost token)",
		UsageText: "chhost deploy-token create [--note TEXT] [--expires TIME]\n" +
			"chhost deploy-token list\n" +
			"chhost deploy-token revoke ID",
		Description: "A deploy token is for a person or a CI job who works on the plugins of one tenant: who\n" +
			"has it pushes and deploys them, reads and sets their settings and the routes, publishes,\n" +
			"disconnects clients and revokes their tokens. The tenant itself, its limits and these\n" +
			"tokens are the operator's. Clients that connect bring tokens of another kind, which an\n" +
			"issuer of yours signs: see chhost token.",
	}, &cli.Command{
		Name: "create", Usage: "make a deploy token of a tenant; it is shown once", UsageText: "chhost deploy-token create [--note TEXT] [--expires TIME] [FLAGS]",
		Description: "The token is all that goes to the standard output: the host keeps its digest only.\n\n" +
			"Example:\n\n" +
			"   chhost deploy-token create --tenant acme --note ci --expires 720h > token",
		Flags: tenantFlags(
			&cli.StringFlag{Name: "note", Usage: "for people: who has it, `TEXT`"},
			&cli.DurationFlag{Name: "expires", Usage: "it holds for this `TIME`", DefaultText: "until it is revoked"},
		),
		Action: func(c *cli.Context) error { return withTenant(c, 0, createDeployToken) },
	}, &cli.Command{
		Name: "list", Usage: "list the deploy tokens of a tenant, by their ids", UsageText: "chhost deploy-token list [FLAGS]",
		Description: "Example:\n\n" +
			"   chhost deploy-token list --tenant acme",
		Flags:  tenantFlags(),
		Action: func(c *cli.Context) error { return withTenant(c, 0, listDeployTokens) },
	}, &cli.Command{
		Name: "revoke", Usage: "let a deploy token hold no longer", UsageText: "chhost deploy-token revoke ID [FLAGS]",
		Description: "ID is what chhost deploy-token list tells.\n\n" +
			"Example:\n\n" +
			"   chhost deploy-token revoke OyEDcwjZu0yR",
		Flags: tenantFlags(), Action: revokeDeployToken,
	})
}

// deployToken is what a host tells of one. Token is there once.
type deployToken struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Note    string    `json:"note"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

func createDeployToken(c *cli.Context, a *remoteHost) error {
	if c.Duration("expires") < 0 {
		return &usageError{nameOf(c.Command), "--expires is how long it holds, such as 720h"}
	}
	body := map[string]any{"note": c.String("note")}
	if d := c.Duration("expires"); d > 0 {
		body["expires"] = time.Now().Add(d).UTC().Format(time.RFC3339)
	}
	var made deployToken
	answer, err := a.ask(c, remote.Call{Method: http.MethodPost, Path: a.of("tokens"), JSON: body}, &made)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		fmt.Fprintf(c.App.ErrWriter, "the deploy token %s of %s follows; it is not shown again\n", remote.Printable(made.ID), a.tenant)
		_, err := fmt.Fprintln(w, remote.Printable(made.Token))
		return err
	})
}

func listDeployTokens(c *cli.Context, a *remoteHost) error {
	var list struct {
		Tokens []deployToken `json:"tokens"`
	}
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of("tokens")}, &list)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"ID", "CREATED", "EXPIRES", "NOTE"}}
		for _, t := range list.Tokens {
			expires := "never"
			if !t.Expires.IsZero() {
				expires = t.Expires.Local().Format("2006-01-02 15:04")
			}
			rows = append(rows, []string{t.ID, t.Created.Local().Format("2006-01-02 15:04"), expires, t.Note})
		}
		return table(w, rows)
	})
}

func revokeDeployToken(c *cli.Context) error {
	if err := arguments(c, "the id of a token (chhost deploy-token list has it)"); err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	id := c.Args().First()
	answer, err := a.ask(c, remote.Call{Method: http.MethodDelete, Path: a.of("tokens", id)}, nil)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "the deploy token %s holds no longer\n", id)
		return err
	})
}
