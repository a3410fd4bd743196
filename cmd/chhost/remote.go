package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

// What the commands against a running host have in common.

const (
	remoteCategory = "A running host"
	defaultServer  = "http://" + config.DefaultAdminAddr
	defaultTenant  = "default"
)

// remoteFlags are flags, and those by which a command finds its host.
func remoteFlags(flags ...cli.Flag) []cli.Flag {
	return append(flags,
		&cli.StringFlag{Name: "context", Usage: "the host of the context `NAME`, see chhost contexts", DefaultText: "$CHHOST_CONTEXT, or the current one"},
		&cli.StringFlag{Name: "server", Usage: "the host whose admin API is at `URL`", DefaultText: "$CHHOST_SERVER, or the context's"},
		&cli.StringFlag{Name: "token-file", Usage: "the token is in `FILE`, - is the standard input", DefaultText: "$CHHOST_TOKEN, $CHHOST_TOKEN_FILE, or the context's"},
		&cli.StringFlag{Name: "ca", Usage: "trust a host at https:// whose certificate an authority in `FILE` has signed, in PEM, and no other", DefaultText: "$CHHOST_CA, the context's, or the authorities that this machine knows"},
		jsonFlag(),
	)
}

// tenantFlags are remoteFlags with that of the tenant.
func tenantFlags(flags ...cli.Flag) []cli.Flag {
	return remoteFlags(append(flags, &cli.StringFlag{Name: "tenant", Aliases: []string{"t"}, Usage: "of the tenant `NAME`", DefaultText: "$CHHOST_TENANT, the context's, or " + defaultTenant})...)
}

// remoteHost is a host that a command talks to.
type remoteHost struct {
	*remote.Client
	// tenant is the one that is meant.
	tenant string
}

// connectTo finds the host that the flags, the environment or the context name. The
// caller closes it.
func connectTo(c *cli.Context) (*remoteHost, error) {
	return target(c, os.Getenv)
}

// target is connectTo in an environment. The token of a context goes to the host of that
// context and to no other.
func target(c *cli.Context, getenv func(string) string) (*remoteHost, error) {
	cfg := remote.Config{Agent: "chhost/" + version()}
	file, err := remote.ContextsFile(getenv)
	if err != nil {
		return nil, err
	}
	all, err := remote.ReadContexts(file)
	if err != nil {
		return nil, err
	}
	from, _, err := all.Find(either(c.String("context"), getenv("CHHOST_CONTEXT")))
	if err != nil {
		return nil, err
	}
	cfg.Server, cfg.Token, cfg.Plain, cfg.CA = from.Server, from.Token, from.Plain, from.CA
	if server := either(c.String("server"), getenv("CHHOST_SERVER")); server != "" && server != from.Server {
		cfg.Server, cfg.Token, cfg.Plain, cfg.CA = server, "", false, ""
	}
	cfg.Server = either(cfg.Server, defaultServer)
	token, err := givenToken(c, getenv)
	if err != nil {
		return nil, err
	}
	cfg.Token = either(token, cfg.Token)
	ca, err := givenCA(c, getenv, cfg.Server)
	if err != nil {
		return nil, err
	}
	cfg.CA = either(ca, cfg.CA)
	client, err := remote.New(cfg)
	if err != nil {
		return nil, err
	}
	return &remoteHost{client, either(c.String("tenant"), getenv("CHHOST_TENANT"), from.Tenant, defaultTenant)}, nil
}

// givenToken is the token that a flag or the environment gives, if any. It is no
// argument, which other users of the machine see.
func givenToken(c *cli.Context, getenv func(string) string) (string, error) {
	file := c.String("token-file")
	if file == "" {
		if token := strings.TrimSpace(getenv("CHHOST_TOKEN")); token != "" {
			return token, nil
		}
		file = getenv("CHHOST_TOKEN_FILE")
	}
	if file == "" {
		return "", nil
	}
	data, err := readInput(c, file, 64<<10)
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	return oneLine(string(data), file)
}

// givenCA are the certificates of authorities that a flag gives, or the environment for a
// host at https://, if any.
func givenCA(c *cli.Context, getenv func(string) string, server string) (string, error) {
	file := c.String("ca")
	if file == "" && strings.HasPrefix(server, "https://") {
		file = getenv("CHHOST_CA")
	}
	if file == "" {
		return "", nil
	}
	data, err := readInput(c, file, 1<<20) // with texts between them
	if err != nil {
		return "", fmt.Errorf("the authority's certificate cannot be read: %w", err)
	}
	certificates, err := remote.Authorities(data)
	if err != nil {
		return "", fmt.Errorf("--ca %s: %w", file, err)
	}
	return certificates, nil
}

// oneLine is a token without what stands around it.
func oneLine(text, from string) (string, error) {
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("there is no token in %s: expected one line", from)
	}
	return token, nil
}

// readInput reads a file, or the standard input if it is called "-".
func readInput(c *cli.Context, file string, most int64) ([]byte, error) {
	in := c.App.Reader
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d KiB", file, most>>10)
	}
	return data, err
}

// either is the first that is not empty.
func either(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// of is the path of something of the tenant.
func (a *remoteHost) of(parts ...string) string {
	return remote.Path(append([]string{"v1", "tenants", a.tenant}, parts...)...)
}

// ask makes a call and decodes the answer into v, if there is any.
func (a *remoteHost) ask(c *cli.Context, call remote.Call, v any) (*remote.Answer, error) {
	answer, err := a.Do(c.Context, call)
	if err == nil && v != nil {
		err = answer.Into(v)
	}
	return answer, told(c, err)
}

// told is an error; with --json a host's refusal is written as it came, too.
func told(c *cli.Context, err error) error {
	var refused *remote.Error
	if errors.As(err, &refused) && c.Bool("json") && len(refused.Raw) > 0 {
		if err := writeRaw(c.App.Writer, refused.Raw); err != nil {
			return err
		}
	}
	return err
}

// report writes an answer: as it came with --json, which is what programs rely on, and
// else as text says it.
func report(c *cli.Context, answer *remote.Answer, text func(w io.Writer) error) error {
	if c.Bool("json") {
		return writeRaw(c.App.Writer, answer.JSON)
	}
	return text(c.App.Writer)
}

func writeRaw(w io.Writer, data json.RawMessage) error {
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return fmt.Errorf("the host's answer is no JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

// table writes rows of cells, the first of which are headings.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, remote.Printable(either(cell, "-")))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// change is what the flags say about every change.
func change(c *cli.Context, call remote.Call) remote.Call {
	call.IfRevision = c.Uint64("if-revision")
	return withDryRun(c, call)
}

func withDryRun(c *cli.Context, call remote.Call) remote.Call {
	if c.Bool("dry-run") {
		call.Query = url.Values{"dry_run": {"1"}}
	}
	return call
}

// changeFlags are read by change.
func changeFlags(flags ...cli.Flag) []cli.Flag {
	return append(flags,
		&cli.BoolFlag{Name: "dry-run", Usage: "say what would happen, and change nothing"},
		&cli.Uint64Flag{Name: "if-revision", Usage: "only if the tenant is at revision `N` still, as tenant show and deploy tell", DefaultText: "any"},
	)
}

// sized writes a number of bytes for people.
func sized(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// number writes how many there are of something: 1 module, 2 modules.
func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// noteDryRun says below what would be stored that it is not.
func noteDryRun(c *cli.Context, w io.Writer) error {
	if !c.Bool("dry-run") {
		return nil
	}
	_, err := fmt.Fprintln(w, "that could be stored; nothing has changed")
	return err
}
