package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func tokenRevokeCommand() *cli.Command {
	return &cli.Command{
		Name: "revoke", Usage: "refuse a client's token, or all that a user has", UsageText: "chhost token revoke --id TEXT | --subject NAME [FLAGS]",
		Description: "Whoever has connected with it is disconnected (code 1008) at the next frame, or within\n" +
			"seconds, and refused with token_revoked. A user comes back with a token that was issued\n" +
			"later. The running host of the context keeps it, for the tenant.\n\n" +
			"Examples:\n\n" +
			"   chhost token revoke --subject ada\n" +
			"   chhost token revoke --id 3f2a9c --for 1h --tenant acme",
		Flags: tenantFlags(changeFlags(
			&cli.StringFlag{Name: "id", Usage: "the token whose own name (jti) is `TEXT`"},
			&cli.StringFlag{Name: "subject", Usage: "all tokens of the user `NAME` (sub) that were issued until now"},
			&cli.DurationFlag{Name: "for", Usage: "remember it for this `TIME`, in which the tokens expire by themselves", DefaultText: "a year"},
		)...),
		Action: revokeClients,
	}
}

func tokenRevokedCommand() *cli.Command {
	return &cli.Command{
		Name: "revoked", Usage: "list the clients' tokens that are refused", UsageText: "chhost token revoked [FLAGS]",
		Description: "Those of the tenant that have not expired by themselves.\n\n" +
			"Example:\n\n" +
			"   chhost token revoked --tenant acme",
		Flags:  tenantFlags(),
		Action: func(c *cli.Context) error { return withTenant(c, 0, listRevoked) },
	}
}

// revocation is what a host tells of one.
type revocation struct {
	ID      string    `json:"id,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Before  time.Time `json:"before,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	By      string    `json:"by,omitempty"`
}

type revocations struct {
	Revocations []revocation `json:"revocations"`
}

func revokeClients(c *cli.Context) error {
	if c.NArg() > 0 {
		return &usageError{nameOf(c.Command), fmt.Sprintf("is %q a user or a token? Say --subject %s or --id %s", c.Args().First(), c.Args().First(), c.Args().First())}
	}
	v := revocation{ID: c.String("id"), Subject: c.String("subject")}
	switch {
	case (v.ID == "") == (v.Subject == ""):
		return &usageError{nameOf(c.Command), "token revoke needs one of --id TEXT and --subject NAME"}
	case c.IsSet("for") && c.Duration("for") <= 0:
		return &usageError{nameOf(c.Command), "--for is how long it is remembered, such as 24h"}
	case c.IsSet("for"):
		v.Expires = time.Now().Add(c.Duration("for")).UTC()
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	answer, err := a.ask(c, change(c, remote.Call{Method: http.MethodPost, Path: a.of("revocations"), JSON: v}), nil)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		what, done := "the token "+remote.Printable(v.ID), "is refused from now on"
		if v.Subject != "" {
			what, done = "what "+remote.Printable(v.Subject)+" has of tokens", "is refused; a newer one is not"
		}
		if c.Bool("dry-run") {
			done = "could be refused; nothing has changed"
		}
		_, err := fmt.Fprintf(w, "%s %s\n", what, done)
		return err
	})
}

func listRevoked(c *cli.Context, a *remoteHost) error {
	var list revocations
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of("revocations")}, &list)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"TOKEN", "SUBJECT", "ISSUED UNTIL", "REMEMBERED UNTIL", "BY"}}
		for _, v := range list.Revocations {
			until := ""
			if !v.Before.IsZero() {
				until = v.Before.Local().Format("2006-01-02 15:04:05")
			}
			rows = append(rows, []string{v.ID, v.Subject, until, v.Expires.Local().Format("2006-01-02 15:04"), v.By})
		}
		return table(w, rows)
	})
}
