package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
	"github.com/chhost/chhost/cmd/chhost/internal/authority"
	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/host"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve plugins",
		UsageText: "chhost serve --route 'PATTERN=FILE.wasm' [--route ...] [--config FILE] [FLAGS]\n" +
			"chhost serve --data DIR [FLAGS]",
		Description: "Each --route sends the topics that match PATTERN to the plugin in FILE. A pattern\n" +
			"is a topic, or a prefix that ends in *. The first match wins. Quote it, or the\n" +
			"shell takes the * for itself.\n\n" +
			"Examples:\n\n" +
			"   chhost serve --route 'foods:*=food.wasm'\n" +
			"   chhost serve --addr 0.0.0.0:4000 --route rooms:lobby=lobby.wasm --route 'rooms:*=room.wasm'\n" +
			"   chhost serve --connect auth.wasm --route 'rooms:*=room.wasm'\n" +
			"   chhost serve --config chhost.toml\n\n" +
			"With --data, tenants and their plugins are kept in DIR, and the admin API at --admin-addr\n" +
			"changes them while they are served: the first start shows the operator's token, with\n" +
			"which chhost login, tenant, push and deploy do the rest (see HOSTING.md). What --route\n" +
			"names is the tenant default's then, besides what is kept.\n\n" +
			"What no flag says may stand in the environment, as CHHOST_ADDR for --addr, and what\n" +
			"that does not say in a file in TOML, as addr; chhost config doc shows all of both.\n\n" +
			"Clients of a tenant come to its host name, or to /t/NAME/socket. With --issuer, the tokens\n" +
			"of an identity provider of yours name the tenant too, by a claim, and let their clients in:\n\n" +
			"   chhost serve --data data --issuer 'iss=https://id.example.com jwks=https://id.example.com/jwks.json aud=chhost claim=tenant'\n\n" +
			"The tenant's name is then the claim's value. A token that names another one than the\n" +
			"host name or the path is refused (tenant_mismatch). keys=FILE takes keys that are not\n" +
			"published, tenants=NAME,NAME bounds whom the issuer speaks for.\n\n" +
			"The admin API speaks plain HTTP, which is for loopback and for a proxy that takes TLS off.\n" +
			"With --admin-tls-cert and --admin-tls-key it speaks TLS at any address; its names, such as\n" +
			"admin.example.com, are those of --admin-host:\n\n" +
			"   chhost serve --data data --admin-addr 0.0.0.0:4001 --admin-host admin.example.com --admin-tls-cert cert.pem --admin-tls-key key.pem\n\n" +
			"With --connect, the plugin in FILE decides who may connect at all: its connect\n" +
			"callback is called for each new socket. It may be one of the routes' plugins.\n\n" +
			"What --set gives, every plugin reads; what --limit says, every plugin is held to.\n" +
			"The limits are " + strings.Join(author.LimitNames(), ", ") + ".\n\n" +
			"A client that does not read what it is sent is disconnected, to come back and catch\n" +
			"up, unless --slow-client says otherwise. drop-oldest leaves the oldest broadcasts and\n" +
			"pushes out; conflate those that a newer one of the same topic and event has overtaken,\n" +
			"as with positions and prices:\n\n" +
			"   chhost serve --route '*=all.wasm' --slow-client 'cursors:*=conflate' --outbox 256KiB\n\n" +
			"The first SIGINT or SIGTERM lets it stop: /readyz answers 503, clients are told to come\n" +
			"back (close code 1012), channels get their leave. The second ends it at once. Under\n" +
			"systemd it is a service of Type=notify, also with WatchdogSec=, and serves the socket\n" +
			"of a .socket unit in place of --addr.\n\n" +
			"Behind a proxy, such as one that takes TLS off, name its address with --trusted-proxy:\n" +
			"then plugins are told the client's address, and not the proxy's, and clients count by\n" +
			"theirs: above --connections they are refused, with status 429 where there are too many\n" +
			"of one address (or one /64 of IPv6), else 503. Those of this machine count in all only.\n\n" +
			"Phoenix clients connect to ws://HOST:PORT/socket, or with --tls-cert and --tls-key to\n" +
			"wss://HOST:PORT/socket. A certificate that is replaced is used from the next\n" +
			"connection on. --mount /live puts the socket elsewhere; connect is told the path.\n\n" +
			"In a control group with a limit of memory, such as a container, the garbage\n" +
			"collector works harder above nine tenths of it; GOMEMLIMIT sets another limit, and\n" +
			"GOGC (100) how much garbage there may be below it, in percent of what is in use.",
		Flags:  flagsOf(config.Serve()),
		Action: serve,
	}
}

func serve(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	cfg, err := serveConfig(c, os.Environ())
	if err != nil {
		return err
	}
	store, err := openRegistry(c, cfg.Logger)
	if err != nil {
		return err
	}
	if store != nil { // as an interface nil would be something
		defer store.Close()
		cfg.Registry = store
	}
	if dir := c.String("acme-cache"); dir != "" {
		if err := authority.Prepare(dir); err != nil {
			return err
		}
	}
	l, err := listenOrInherit(c)
	if err != nil {
		return err
	}
	defer l.Close()
	cfg.Listener = l
	metrics, err := listenMetrics(c)
	if err != nil {
		return err
	}
	if metrics != nil {
		defer metrics.Close()
	}
	admin, err := listenAdmin(c, store, &cfg)
	if err != nil {
		return err
	}
	defer admin.close()
	cfg.Ending = admin.finish
	spareProcessor()
	h, err := host.New(cfg)
	if errors.Is(err, host.ErrNoConnect) {
		return fmt.Errorf("--connect %s: the plugin has no connect callback: leave the flag out to let every socket in, or name one that has (chhost check says)", c.String("connect"))
	}
	if err != nil {
		return err
	}
	if err := admin.attach(h, store); err != nil {
		return err
	}
	limitMemory()
	announce(c, cfg, metrics, admin)
	return run(c, h, metrics, admin)
}

// announce says where everything is.
func announce(c *cli.Context, cfg host.Config, metrics net.Listener, admin *adminAPI) {
	secure, at := "", hostPort(cfg.Listener)
	if cfg.CertFile != "" || cfg.TLS != nil {
		secure = "s"
	}
	fmt.Fprintf(c.App.Writer, "listening on http%s://%s\n", secure, at)
	for _, path := range c.StringSlice("mount") {
		fmt.Fprintf(c.App.Writer, "clients connect to ws%s://%s%s\n", secure, at, strings.TrimSuffix(path, "/"))
	}
	if metrics != nil {
		fmt.Fprintf(c.App.Writer, "metrics are at http://%s/metrics\n", hostPort(metrics))
	}
	admin.announce(c.App.Writer)
}

// mounts reads --mount. All paths have the same origins.
func mounts(c *cli.Context, cfg *host.Config) error {
	paths := c.StringSlice("mount")
	if slices.Contains(paths, "") { // which the library takes for the default
		return &usageError{c.Command.Name, "--mount needs a path, such as /socket"}
	}
	cfg.Mount = paths[0] // there is a default
	for _, path := range paths[1:] {
		cfg.Mounts = append(cfg.Mounts, host.Mount{Path: path, CheckOrigin: cfg.CheckOrigin})
	}
	return nil
}

// serveConfig is what the flags, the environment and the file say, but for the
// listener.
func serveConfig(c *cli.Context, environ []string) (host.Config, error) {
	from, err := settle(c, config.Serve(), environ)
	if err != nil {
		return host.Config{}, err
	}
	cfg, err := hostConfig(c)
	return cfg, from.blame(err)
}

// hostConfig is what a context says that is settled.
func hostConfig(c *cli.Context) (host.Config, error) {
	cfg := host.Config{
		ConnectHeaders: c.StringSlice("connect-header"),
		ProxyHeader:    c.String("proxy-header"),
		Hosts:          c.StringSlice("host"),
		CertFile:       c.String("tls-cert"),
		KeyFile:        c.String("tls-key"),
		CacheDir:       c.String("cache"),
		Compiler:       compilerOf(c),
		Compression:    c.Bool("compression"),
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return cfg, &usageError{c.Command.Name, "--tls-cert and --tls-key go together: the certificate, and the key that belongs to it"}
	}
	err := adminPair(c)
	if err != nil {
		return cfg, err
	}
	if cfg.Logger, err = newLogger(c, c.App.ErrWriter); err != nil {
		return cfg, err
	}
	if cfg.TLS, err = acmeTLS(c, cfg.Logger); err != nil {
		return cfg, err
	}
	if cfg.CheckOrigin, err = origins(c); err != nil {
		return cfg, err
	}
	if err = mounts(c, &cfg); err != nil {
		return cfg, err
	}
	if cfg.TrustedProxies, err = host.Proxies(c.StringSlice("trusted-proxy")); err != nil {
		return cfg, &usageError{c.Command.Name, "--trusted-proxy: " + err.Error()}
	}
	if cfg.Limits, err = limits(c); err != nil {
		return cfg, err
	}
	if err := guests(c, &cfg); err != nil {
		return cfg, err
	}
	if cfg.Connections, err = connections(c); err != nil {
		return cfg, err
	}
	if err := drains(c, &cfg); err != nil {
		return cfg, err
	}
	if cfg.Issuers, err = issuers(c); err != nil {
		return cfg, err
	}
	settings, pluginLimits, err := pluginOptions(c)
	if err != nil {
		return cfg, err
	}
	plugins := pluginFiles{settings: settings, limits: pluginLimits, byFile: make(map[string]*host.Plugin)}
	if len(c.StringSlice("route")) == 0 && c.String("data") == "" {
		return cfg, &usageError{"serve", "serve needs at least one --route, such as --route 'foods:*=food.wasm', or --data DIR, where plugins are kept that chhost push uploads"}
	}
	if cfg.Routes, err = parseRoutes(c, plugins.read); err != nil {
		return cfg, err
	}
	if file := c.String("connect"); file != "" {
		if cfg.Connect, err = plugins.read(file); err != nil {
			return cfg, fmt.Errorf("--connect %s: %w", file, err)
		}
	}
	return cfg, nil
}

// pluginFiles are the plugins that the command line names, by file: what names
// the same file shares one plugin. All have the same settings.
type pluginFiles struct {
	settings map[string]string
	limits   host.PluginLimits
	byFile   map[string]*host.Plugin
}

func (files pluginFiles) read(file string) (*host.Plugin, error) {
	if files.byFile[file] == nil {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a directory: build the module in it first, and name that (chhost dev builds and serves a directory)", file)
		}
		module, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		files.byFile[file] = &host.Plugin{Name: strings.TrimSuffix(filepath.Base(file), ".wasm"), Module: module, Settings: files.settings, Limits: files.limits}
	}
	return files.byFile[file], nil
}

// parseRoutes reads --route PATTERN=FILE; a pattern may contain =, a file name may
// not. read returns the plugin of a file, which may have to be built: it is called
// when all patterns have been found good.
func parseRoutes(c *cli.Context, read func(file string) (*host.Plugin, error)) ([]host.Route, error) {
	specs := c.StringSlice("route")
	patterns, files := make([]string, len(specs)), make([]string, len(specs))
	for n, spec := range specs {
		i := strings.LastIndexByte(spec, '=')
		if i <= 0 || i == len(spec)-1 {
			return nil, &usageError{c.Command.Name, fmt.Sprintf("--route %q is not of the form PATTERN=FILE, such as 'foods:*=food.wasm'", spec)}
		}
		patterns[n], files[n] = spec[:i], spec[i+1:]
	}
	if err := host.CheckPatterns(patterns...); err != nil {
		return nil, &usageError{c.Command.Name, "--route: " + err.Error()}
	}
	var routes []host.Route
	for n, spec := range specs {
		plugin, err := read(files[n])
		if err != nil {
			return nil, fmt.Errorf("--route %s: %w", spec, err)
		}
		routes = append(routes, host.Route{Pattern: patterns[n], Plugin: plugin})
	}
	return routes, nil
}
