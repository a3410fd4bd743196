//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// loggerOf is the logger that a command's flags make.
func loggerOf(t *testing.T, w io.Writer, command string, flags ...string) (log *slog.Logger, err error) {
	t.Helper()
	app := newApp(nil, strings.NewReader(""), io.Discard, io.Discard)
	app.Command(command).Action = func(c *cli.Context) (err error) {
		log, err = newLogger(c, w)
		return err
	}
	err = app.Run(append([]string{"chhost", command}, flags...))
	return log, err
}

func TestLogFormats(t *testing.T) {
	for _, tc := range []struct{ command, flags, want, never string }{
		{"serve", "", `{"level":"WARN","msg":"warned","topic":"a b"}`, "told"},
		{"serve", "--log-format json --verbose", `{"level":"DEBUG","msg":"told","n":1}`, "nothing"},
		{"serve", "--log-format text", `level=WARN msg=warned topic="a b"`, "told"},
		{"serve", "--log-format text --log-level error", "level=ERROR msg=failed", "warned"},
		{"dev", "", `level=WARN msg=warned topic="a b"`, "told"},
		{"dev", "--log-level debug", "level=DEBUG msg=told n=1", "nothing"},
	} {
		var out bytes.Buffer
		log, err := loggerOf(t, &out, tc.command, strings.Fields(tc.flags)...)
		if err != nil {
			t.Errorf("%s %s: %v", tc.command, tc.flags, err)
			continue
		}
		log.Debug("told", "n", 1)
		log.Warn("warned", "topic", "a b")
		log.Error("failed")
		if got := timeless(t, out.String()); !strings.Contains(got, tc.want) || strings.Contains(got, tc.never) {
			t.Errorf("%s %s: got\n%s\nwant %s and not %q", tc.command, tc.flags, got, tc.want, tc.never)
		}
	}
	for _, flags := range []string{"--log-format xml", "--log-level loud"} {
		var usage *usageError
		if _, err := loggerOf(t, io.Discard, "serve", strings.Fields(flags)...); !errors.As(err, &usage) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

// timeless takes the time out of lines in JSON.
func timeless(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "{") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		var attrs map[string]any
		if err := json.Unmarshal([]byte(line), &attrs); err != nil {
			t.Fatal(err)
		}
		if _, ok := attrs["time"]; !ok {
			t.Errorf("no time: %s", line)
		}
		delete(attrs, "time")
		encoded, _ := json.Marshal(attrs)
		b.Write(append(encoded, '\n'))
	}
	return b.String()
}

// At a terminal, levels have colours, unless there are to be none; what clients have
// chosen does not reach it as it is.
func TestLogAtTerminal(t *testing.T) {
	for _, noColor := range []string{"", "1"} {
		keys, tty := openTerminal(t)
		t.Setenv("NO_COLOR", noColor)
		t.Setenv("TERM", "xterm")
		log, err := loggerOf(t, tty, "serve")
		if err != nil {
			t.Fatal(err)
		}
		log.Warn("warned", "topic", "\x1b]0;owned\x07\r\nforged", "err", errors.New("\x1b]0;owned\x9b\u009b"))
		line := make([]byte, 4096)
		n, err := keys.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		got := string(line[:n])
		if !strings.Contains(got, "WRN") || strings.Contains(got, "\x1b[") != (noColor == "") {
			t.Errorf("NO_COLOR=%q: %q", noColor, got)
		}
		if strings.Contains(got, "\x1b]") || strings.ContainsAny(got, "\x07\u009b") || strings.Contains(strings.TrimRight(got, "\r\n"), "\n") {
			t.Errorf("a client's text reaches the terminal: %q", got)
		}
	}
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil || isTerminal(null) {
		t.Errorf("%s is a terminal, %v", os.DevNull, err)
	}
}
