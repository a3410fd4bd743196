package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/lmittmann/tint"
	"github.com/urfave/cli/v2"
)

// newLogger is what a command that serves logs with: in colour at a terminal, and
// elsewhere what --log-format says, JSON if it is auto.
func newLogger(c *cli.Context, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, &usageError{c.Command.Name, fmt.Sprintf("--log-level %q is not debug, info, warn or error", c.String("log-level"))}
	}
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	switch format := c.String("log-format"); {
	case format != "auto" && format != "text" && format != "json":
		return nil, &usageError{c.Command.Name, fmt.Sprintf("--log-format %q is not auto, text or json", format)}
	case format == "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case isTerminal(w):
		return slog.New(tint.NewHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !colourful(os.Getenv), ReplaceAttr: harmless})), nil
	case format == "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// harmless is an attribute without control characters, which tint passes on: clients
// choose topics, and a terminal obeys what it is sent. Line ends tint escapes itself.
func harmless(_ []string, a slog.Attr) slog.Attr {
	text := ""
	switch value := a.Value.Any().(type) {
	case string:
		text = value
	case error:
		text = value.Error()
	default:
		return a
	}
	a.Value = slog.StringValue(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text))
	return a
}

// isTerminal tells whether someone is likely to read what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

// colourful tells whether the terminal shows colours, see https://no-color.org.
func colourful(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
