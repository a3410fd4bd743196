package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func pushCommand() *cli.Command {
	return &cli.Command{
		Name:      "push",
		Category:  remoteCategory,
		Usage:     "upload a plugin as its next version",
		UsageText: "chhost push DIR|FILE.wasm [--plugin NAME] [--deploy] [FLAGS]",
		Description: "Builds the Go source of the plugin in DIR, or takes the module in FILE, and uploads it.\n" +
			"The host checks it, compiles it and starts one instance as a trial: what it refuses is\n" +
			"listed with every fault, as chhost check does. Nothing is served that was not before,\n" +
			"until chhost deploy, or with --deploy at once. The same module again is the version\n" +
			"that it was.\n\n" +
			"Examples:\n\n" +
			"   chhost push plugins/chat\n" +
			"   chhost push build/food.wasm --plugin foods --tenant acme --deploy",
		Flags: tenantFlags(
			&cli.StringFlag{Name: "plugin", Usage: "as a version of the plugin `NAME`", DefaultText: "the name of DIR or FILE"},
			&cli.BoolFlag{Name: "deploy", Usage: "deploy it immediately; chhost deploy has other ways"},
		),
		Action: push,
	}
}

// uploaded is what a host says of a version.
type uploaded struct {
	Name      string    `json:"name"`
	Seq       int       `json:"seq"`
	Digest    string    `json:"digest"`
	Size      int64     `json:"size"`
	Uploaded  time.Time `json:"uploaded"`
	By        string    `json:"by"`
	Pinned    bool      `json:"pinned"`
	Active    bool      `json:"active"`
	Canary    bool      `json:"canary"`
	Loaded    bool      `json:"loaded"`
	Callbacks []string  `json:"callbacks"`
	CompileMS float64   `json:"compile_ms"`
	Known     bool      `json:"known"`
}

// short is the digest's first 8 digits.
func (v uploaded) short() string { return v.Digest[:min(len(v.Digest), 8)] }

func push(c *cli.Context) error {
	if err := arguments(c, "the directory of a plugin or a module, such as plugins/chat or chat.wasm"); err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	module, err := author.Load(c.Context, c.Args().First(), c.App.ErrWriter)
	if err != nil {
		return err
	}
	if err := module.CheckFile(); err != nil {
		return err
	}
	plugin := either(c.String("plugin"), module.Name)
	var v uploaded
	answer, err := upload(c, a, plugin, module.Binary, &v)
	if err != nil {
		return err
	}
	if !c.Bool("deploy") {
		return report(c, answer, func(w io.Writer) error {
			v.writeText(w)
			_, err := fmt.Fprintf(w, "it is not served yet: chhost deploy %s%s\n", plugin, a.flag(c))
			return err
		})
	}
	if !c.Bool("json") {
		v.writeText(c.App.Writer)
	}
	var d deployment
	deployed, err := a.deploy(c, plugin, remote.Call{Path: a.of("plugins", plugin, "deploy"), JSON: map[string]any{"version": v.Seq}}, &d)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]json.RawMessage{"version": answer.JSON, "deployment": deployed.JSON})
	}
	return d.writeText(c.App.Writer)
}

// flag repeats the tenant if it was named on the command line, for a command that is
// shown.
func (a *remoteHost) flag(c *cli.Context) string {
	if !c.IsSet("tenant") {
		return ""
	}
	return " --tenant " + a.tenant
}

// upload sends a module and waits for what the host says of it.
func upload(c *cli.Context, a *remoteHost, plugin string, module []byte, v *uploaded) (*remote.Answer, error) {
	body := &counted{Reader: bytes.NewReader(module)}
	all := sized(int64(len(module)))
	p := newProgress(c.App.ErrWriter, isTerminal(c.App.ErrWriter), "uploading "+all)
	defer p.end()
	p.enter("uploading", func() string { return sized(body.n.Load()) + " of " + all })
	body.whole = func() { p.enter("the host checks and compiles "+all, nil) }
	answer, err := a.Do(c.Context, remote.Call{
		Method: http.MethodPost, Path: a.of("plugins", plugin, "versions"), Body: body, Size: int64(len(module)), Type: "application/wasm",
	})
	p.end()
	if err == nil {
		err = answer.Into(v)
	}
	return answer, told(c, err)
}

// counted counts what was read, and tells when that is all.
type counted struct {
	io.Reader
	n     atomic.Int64
	whole func()
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	if err == io.EOF {
		r.whole()
	}
	return n, err
}

func (v uploaded) writeText(w io.Writer) {
	if v.Known {
		fmt.Fprintf(w, "%s is this module already (%s, %s)\n", remote.Printable(v.Name), v.short(), sized(v.Size))
		return
	}
	fmt.Fprintf(w, "%s is uploaded (%s, %s, compiled in %.0f ms)\n", remote.Printable(v.Name), v.short(), sized(v.Size), v.CompileMS)
	if len(v.Callbacks) > 0 {
		fmt.Fprintf(w, "it has %s\n", remote.Printable(strings.Join(v.Callbacks, ", ")))
	}
}
