// Command chhost serves Phoenix Channels whose logic is in WebAssembly plugins. Run it with --help for what it can do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

func main() {
	compiler := host.CompilerMain() // in a child that compiles a plugin, this is all
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // the second signal ends the process at once
		fmt.Fprintln(os.Stderr, "chhost: stopping; once more to stop at once")
	})
	os.Exit(doMain(ctx, compiler, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // refused or failed
	exitUsage  = 2
)

// doMain is the command; it returns the exit code and touches nothing but what
// it is given. Without a compiler, plugins are compiled in this process.
func doMain(ctx context.Context, compiler *host.Compiler, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp(compiler, stdin, stdout, stderr)
	args, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitFailed // interrupted before it served; whoever did it knows
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "chhost: %s\nRun 'chhost%s --help' for how it is used.\n", withoutRooms(usage.text), usage.of())
		return exitUsage
	}
	fmt.Fprintf(stderr, "chhost: %s\n", withoutRooms(err.Error()))
	return exitFailed
}

// withoutRooms is the text of an error without the names of the packages that found it,
// which are for a program's log: whoever typed a command has never heard of them.
func withoutRooms(text string) string {
	for _, room := range []string{"admin", "host", "registry", "router", "tenant", "token", "wasm", "phx", "phxclient"} {
		text = strings.TrimPrefix(text, room+": ")
		for _, before := range []string{": ", "\n"} {
			text = strings.ReplaceAll(text, before+room+": ", before)
		}
	}
	return strings.TrimRight(text, "\n") // which what a compiler writes ends with
}

// version is the module's, as the build noted it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// compilerKey is where the app keeps what compiles plugins.
const compilerKey = "compiler"

// compilerOf is what compiles plugins for a command, see [host.Config].
func compilerOf(c *cli.Context) *host.Compiler {
	compiler, _ := c.App.Metadata[compilerKey].(*host.Compiler)
	return compiler
}

func newApp(compiler *host.Compiler, stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	commands := []*cli.Command{
		newCommand(), devCommand(), testCommand(), callCommand(), checkCommand(), consoleCommand(), serveCommand(), configCommand(), healthCommand(), loadCommand(), tortureCommand(),
		loginCommand(), logoutCommand(), contextsCommand(), pushCommand(), deployCommand(), rollbackCommand(), versionsCommand(), pinCommand(), unpinCommand(), logsCommand(), tailCommand(),
		tenantCommand(), routesCommand(), settingsCommand(), publishCommand(), tokenCommand(), deployTokenCommand(), backupCommand(),
	}
	for todo := commands; len(todo) > 0; todo = todo[1:] {
		// A value that a flag does not take; the library would print all of the help.
		todo[0].OnUsageError = func(c *cli.Context, err error, _ bool) error { return valueError(c.Command, err) }
		todo = append(todo, todo[0].Subcommands...)
	}
	return &cli.App{
		Name:      "chhost",
		Usage:     "a channel host: Phoenix Channels with the logic in WebAssembly plugins",
		UsageText: "chhost COMMAND [FLAGS] [ARGUMENTS]",
		Description: "Clients talk the Phoenix Channels protocol to it, with any Phoenix client. What a\n" +
			"channel does is a plugin, written in any language that compiles to WebAssembly.\n\n" +
			"Start with\n\n" +
			"   chhost dev plugins/chat\n\n" +
			"to see one, or with\n\n" +
			"   chhost new foods\n\n" +
			"to make one.",
		Commands:                  commands,
		Version:                   version(),
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // topics may contain commas
		Metadata:                  map[string]any{compilerKey: compiler},
		Reader:                    stdin,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		// The library would print the error and end the process.
		ExitErrHandler: func(*cli.Context, error) {},
	}
}
